"""`tallyd demo`: recorded sidecars against a real tallyd, in virtual time, drawn on the terminal."""
