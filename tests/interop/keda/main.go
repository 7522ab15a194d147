// A client of KEDA's kind in Go: asks an external scaler over TLS for a trigger's target and value, and prints both, and the version of TLS.
//
//	keda -address HOST:PORT [-name NAME] [-ca FILE] [-cert FILE -key FILE] [-version 1.2|1.3] KEY=VALUE...
//
// The options stand for what a trigger has: caCert, tlsClientCert and tlsClientKey. The messages are put together field by field.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"log"
	"math"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
	"google.golang.org/protobuf/encoding/protowire"
)

const (
	limit   = 20 * time.Second
	service = "/externalscaler.ExternalScaler/"
)

// raw hands messages on as the bytes that they are.
type raw struct{}

func (raw) Marshal(message any) ([]byte, error) { return *message.(*[]byte), nil }
func (raw) Name() string                        { return "proto" }
func (raw) Unmarshal(data []byte, message any) error {
	*message.(*[]byte) = append([]byte(nil), data...)
	return nil
}

func main() {
	address := flag.String("address", "", "host:port")
	name := flag.String("name", "", "name in the scaler's certificate")
	ca := flag.String("ca", "", "who vouches for the scaler")
	cert := flag.String("cert", "", "certificate to show")
	key := flag.String("key", "", "its key")
	version := flag.String("version", "", "the only version of TLS to speak")
	flag.Parse()
	config, err := settings(*name, *ca, *cert, *key, *version)
	if err == nil {
		err = ask(*address, config, flag.Args())
	}
	if err != nil {
		log.Fatal(err)
	}
}

func settings(name, ca, cert, key, version string) (*tls.Config, error) {
	config := &tls.Config{ServerName: name, MinVersion: tls.VersionTLS12}
	switch version {
	case "1.2":
		config.MaxVersion = tls.VersionTLS12
	case "1.3":
		config.MinVersion = tls.VersionTLS13
	}
	if ca != "" {
		pem, err := os.ReadFile(ca)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("no certificate in %s", ca)
		}
	}
	if cert != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

func ask(address string, config *tls.Config, metadata []string) error {
	connection, err := grpc.NewClient("passthrough:///"+address,
		grpc.WithTransportCredentials(credentials.NewTLS(config)),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(raw{})))
	if err != nil {
		return err
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	ref := scaledObject(metadata)
	var spec, metrics []byte
	var who peer.Peer
	if err := connection.Invoke(ctx, service+"GetMetricSpec", &ref, &spec, grpc.Peer(&who)); err != nil {
		return err
	}
	request := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), ref)
	request = protowire.AppendString(protowire.AppendTag(request, 2, protowire.BytesType), "interop")
	if err := connection.Invoke(ctx, service+"GetMetrics", &request, &metrics); err != nil {
		return err
	}
	state := who.AuthInfo.(credentials.TLSInfo).State
	fmt.Printf("%s target %g value %g\n", tls.VersionName(state.Version), number(spec), number(metrics))
	return nil
}

// scaledObject returns a ScaledObjectRef: name 1, namespace 2, scalerMetadata 3.
func scaledObject(metadata []string) []byte {
	message := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), "nodeapp")
	message = protowire.AppendString(protowire.AppendTag(message, 2, protowire.BytesType), "default")
	for _, pair := range metadata {
		key, value, _ := strings.Cut(pair, "=")
		entry := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), key)
		entry = protowire.AppendString(protowire.AppendTag(entry, 2, protowire.BytesType), value)
		message = protowire.AppendBytes(protowire.AppendTag(message, 3, protowire.BytesType), entry)
	}
	return message
}

// number returns field 3, a double, of the message in field 1: targetSizeFloat and metricValueFloat.
func number(message []byte) float64 {
	found := 0.0
	fields(message, func(field protowire.Number, data []byte) {
		if field == 1 {
			fields(data, func(field protowire.Number, data []byte) {
				if field == 3 {
					bits, _ := protowire.ConsumeFixed64(data)
					found = math.Float64frombits(bits)
				}
			})
		}
	})
	return found
}

// fields calls see with each field of a message; of one with a length without that.
func fields(message []byte, see func(protowire.Number, []byte)) {
	for len(message) > 0 {
		field, kind, size := protowire.ConsumeTag(message)
		if size < 0 {
			log.Fatal("broken answer")
		}
		message = message[size:]
		size = protowire.ConsumeFieldValue(field, kind, message)
		if size < 0 {
			log.Fatal("broken answer")
		}
		data := message[:size]
		if kind == protowire.BytesType {
			data, _ = protowire.ConsumeBytes(data)
		}
		see(field, data)
		message = message[size:]
	}
}
