package metatrain

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed1498fded/unroll/internal/regular"
	"github.com/seed1498fded/unroll/meta/dist/queue"
)

// network are the flags of learning with several processes. Without any of the first three nothing opens a socket.
type network struct {
	Listen     string `placeholder:"HOST:PORT" help:"Have other processes make the members of an outer step, by a server in this process, such as 127.0.0.1:0, where 0 is a port that is free. The address goes to the file address in the run's folder."`
	Nats       string `placeholder:"URL" help:"The same by a NATS server or cluster that exists and has JetStream: nats://HOST:PORT, or with the name of the run nats://HOST:PORT/NAME."`
	Connect    string `placeholder:"URL" help:"Be a worker of the learner behind that server: it says what to do, so that no other flag is needed. Ends when the learner has."`
	TokenFile  string `name:"token-file" placeholder:"FILE" help:"File with the token that whoever connects must have. A learner that listens writes a new one if there is none; its default is the file token in the run's folder."`
	Token      string `placeholder:"TOKEN" help:"The token itself, best by the environment, where others do not see it."`
	TLSCert    string `name:"tls-cert" placeholder:"FILE" help:"Certificate, in PEM, that the server of --listen shows; with --tls-key."`
	TLSKey     string `name:"tls-key" placeholder:"FILE" help:"Its key."`
	TLSCA      string `name:"tls-ca" placeholder:"FILE" help:"Certificates, in PEM, that the server's must go back to, for --connect and --nats. Default: those of the system, for tls:// addresses."`
	AnyKernels bool   `name:"any-kernels" help:"Let workers help whose processors have other vector instructions. The bits then depend on who does what."`
}

// maxSecret is how long a token's or a certificate's file may be.
const maxSecret = 1 << 20

// on reports whether others may help.
func (n network) on() bool { return n.Listen != "" || n.Nats != "" }

// check reports flags that do not go together.
func (n network) check() error {
	switch {
	case n.Listen != "" && n.Nats != "":
		return errors.New("--listen: not with --nats, which names a server that exists")
	case n.Token != "" && n.TokenFile != "":
		return errors.New("--token: not with --token-file")
	case (n.TLSCert == "") != (n.TLSKey == ""):
		return errors.New("--tls-cert: it goes with --tls-key, and that with it")
	case n.TLSCert != "" && n.Listen == "":
		return errors.New("--tls-cert: it is for the server of --listen")
	case n.TLSCA != "" && n.Nats == "" && n.Connect == "":
		return errors.New("--tls-ca: it is for --connect and --nats")
	case n.AnyKernels && !n.on():
		return errors.New("--any-kernels: it is for the learner; want --listen or --nats with it")
	}
	return nil
}

// try reports what would not work later, before anything is written.
func (n network) try() error {
	if n.Nats != "" {
		_, err := n.connection("nats", n.Nats)
		return err
	}
	if _, _, err := net.SplitHostPort(n.Listen); err != nil {
		return fmt.Errorf("--listen %s: want HOST:PORT", n.Listen)
	}
	if _, err := os.Lstat(n.TokenFile); err == nil {
		if _, err := n.secret(); err != nil {
			return err
		}
	}
	_, err := n.serverTLS()
	return err
}

// connection says how the server of a URL that a flag gives is reached.
func (n network) connection(flag, url string) (c queue.Connection, err error) {
	c.URL = url
	if err := c.Check(); err != nil {
		return c, fmt.Errorf("--%s: %w", flag, err)
	}
	if c.Token, err = n.secret(); err != nil {
		return c, err
	}
	if n.TLSCA != "" {
		c.TLS, err = clientTLS(n.TLSCA)
	}
	return c, err
}

// secret returns the token that was given, "" if none was.
func (n network) secret() (string, error) {
	if n.TokenFile == "" {
		return n.Token, nil
	}
	text, err := regular.ReadFile(n.TokenFile, maxSecret)
	if err != nil {
		return "", fmt.Errorf("--token-file %s: %w", n.TokenFile, err)
	}
	token := strings.TrimSpace(string(text))
	if token == "" || strings.ContainsAny(token, "\r\n") {
		return "", fmt.Errorf("--token-file %s: want one line, the token", n.TokenFile)
	}
	return token, nil
}

// ownSecret returns the token of a server of this process: the one given, or else a new one in a file that others can't read, whose
// name it returns too.
func (n network) ownSecret(dir string) (token, fresh string, err error) {
	if n.Token != "" {
		return n.Token, "", nil
	}
	if n.TokenFile == "" {
		n.TokenFile = filepath.Join(dir, tokenFile)
	}
	if _, err := os.Lstat(n.TokenFile); err == nil {
		token, err = n.secret()
		return token, "", err
	}
	token = queue.NewToken()
	f, err := os.OpenFile(n.TokenFile, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		_, err = fmt.Fprintln(f, token)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return "", "", fmt.Errorf("--token-file: %w", err)
	}
	return token, n.TokenFile, nil
}

// clientTLS trusts the certificates of a file.
func clientTLS(file string) (*tls.Config, error) {
	text, err := regular.ReadFile(file, maxSecret)
	if err != nil {
		return nil, fmt.Errorf("--tls-ca %s: %w", file, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("--tls-ca %s: want certificates in PEM", file)
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, nil
}

// serverTLS shows a certificate; nil if none was given.
func (n network) serverTLS() (*tls.Config, error) {
	if n.TLSCert == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(n.TLSCert, n.TLSKey)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert %s: %w", n.TLSCert, err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}
