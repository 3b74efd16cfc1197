// Package controller reconciles SealedConfigs with AWS Lambda: it loads them from
// a commit, plans, and applies. What it needs of git, KMS and Lambda it declares
// as interfaces; the adapters are joined to it in controller/cli.
//
// Plaintext comes into being in Unseal alone.
package controller
