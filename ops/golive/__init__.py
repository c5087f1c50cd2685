"""What must be there before patients may come (scaling guide, section 18), looked at by itself."""
