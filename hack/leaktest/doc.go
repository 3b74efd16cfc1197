// Package leaktest finds plaintext where it must not be. A test says to a Watch what is
// secret, and hands it whatever the program gave out: output, logs, errors, requests,
// files. The Watch looks for every secret there, in every run of twelve bytes, as it is and
// in the spellings in which programs write bytes, inside archives and git's objects too.
//
// Tests alone import it.
package leaktest
