"""What an interview is made of: frozen values on the standard library alone."""
