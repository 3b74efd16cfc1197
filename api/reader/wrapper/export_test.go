package main

// Main is the program.
func Main() { main() }

// ReservedFor is why no secret may have that name.
func ReservedFor(name string) string { return reservedFor(name) }
