package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

const serviceConfig = `{
  "methodConfig": [{
    "name": [{"service": "tensorflow.serving.PredictionService"}],
    "waitForReady": true,
    "retryPolicy": {
      "maxAttempts": 5,
      "initialBackoff": "1s",
      "backoffMultiplier": 2,
      "maxBackoff": "5s",
      "retryableStatusCodes": ["UNAVAILABLE"]
    }
  }]
}`

// service is one as the environment names it; `fpga call-info` prints these variables.
type service struct {
	host    string // the name that its certificate bears
	port    string
	address string         // where it is; empty: the system's resolver tells
	roots   *x509.CertPool // nil: the system's, or those of the file that SSL_CERT_FILE names
	key     key
	timeout time.Duration // the deadline of each call
}

func serviceFromEnvironment() (*service, error) {
	for _, name := range []string{"FPGA_SERVICE_HOST", "FPGA_SERVICE_PORT", "FPGA_SERVICE_KEY"} {
		if os.Getenv(name) == "" {
			return nil, fmt.Errorf("%s is not set", name)
		}
	}
	timeout, err := secondsOr(os.Getenv("FPGA_SERVICE_TIMEOUT"), 30*time.Second)
	if err != nil {
		return nil, fmt.Errorf("FPGA_SERVICE_TIMEOUT: %w", err)
	}
	found := &service{
		host:    os.Getenv("FPGA_SERVICE_HOST"),
		port:    os.Getenv("FPGA_SERVICE_PORT"),
		address: os.Getenv("FPGA_SERVICE_ADDRESS"),
		key:     key(os.Getenv("FPGA_SERVICE_KEY")),
		timeout: timeout,
	}
	// Go reads no GRPC_DEFAULT_SSL_ROOTS_FILE_PATH: private roots are handed over.
	if file := os.Getenv("FPGA_SERVICE_ROOTS"); file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		found.roots = x509.NewCertPool()
		if !found.roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s has no certificate in PEM", file)
		}
	}
	return found, nil
}

// dial makes a channel. The certificate is verified by the name, wherever the address is from.
func (s *service) dial() (*grpc.ClientConn, error) {
	target := "dns:///" + net.JoinHostPort(s.host, s.port)
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: s.roots, MinVersion: tls.VersionTLS12})),
		grpc.WithPerRPCCredentials(s.key),
		grpc.WithDefaultServiceConfig(serviceConfig),
	}
	if s.address != "" {
		target = "passthrough:///" + net.JoinHostPort(s.address, s.port)
		options = append(options, grpc.WithAuthority(s.host))
	}
	return grpc.NewClient(target, options...)
}

// key is the primary or the secondary one, sent with each call, and never without TLS.
type key string

func (k key) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(k)}, nil
}

func (key) RequireTransportSecurity() bool { return true }
