"""Long studies of calibration and speed; nothing here is part of the installed package."""
