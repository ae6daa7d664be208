"""How the embedded judge is made: teacher, chats, network, file, true effects, card."""
