package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"os"

	acquirer "example.com/ringback/switch"
)

// readSecret reads a secret, without the line end behind it, from a file that only its owner may read.
func readSecret(path string) (acquirer.Key, error) {
	info, err := os.Stat(path)
	if err != nil {
		return acquirer.Key{}, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return acquirer.Key{}, fmt.Errorf("%s may be read by others: chmod 600", path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return acquirer.Key{}, err
	}
	b = bytes.TrimRight(b, "\r\n")
	if len(b) == 0 {
		return acquirer.Key{}, fmt.Errorf("%s is empty", path)
	}
	return acquirer.NewKey(b), nil
}

// certificates reads PEM certificates; nil, those of the system, without a file.
func certificates(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		return nil, fmt.Errorf("%s holds no certificate", path)
	}
	return pool, nil
}

// derive makes a key for one use from that of codes, so that it is the same behind a restart and behind a new master key.
func derive(codes acquirer.Key, use string) acquirer.Key {
	h := hmac.New(sha256.New, codes.Reveal())
	h.Write([]byte("ringback: " + use))
	return acquirer.NewKey(h.Sum(nil))
}
