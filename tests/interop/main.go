// A process in Go that reports one metric of each kind, with the exporters that daprd and others are built with, and ends; over OpenCensus when
// its standard input does.
//
//	interop ocagent|otlpgrpc|otlphttp HOST:PORT
package main

import (
	"context"
	"io"
	"log"
	"os"
	"time"

	"contrib.go.opencensus.io/exporter/ocagent"
	"go.opencensus.io/stats"
	"go.opencensus.io/stats/view"
	"go.opencensus.io/tag"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/metric"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
)

const limit = 20 * time.Second

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: interop ocagent|otlpgrpc|otlphttp HOST:PORT")
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := report(ctx, os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

func report(ctx context.Context, protocol, endpoint string) error {
	switch protocol {
	case "ocagent":
		return openCensus(ctx, endpoint)
	case "otlpgrpc":
		exporter, err := otlpmetricgrpc.New(ctx, otlpmetricgrpc.WithEndpoint(endpoint), otlpmetricgrpc.WithInsecure(),
			otlpmetricgrpc.WithCompressor("gzip"))
		return otlp(ctx, exporter, err)
	default:
		exporter, err := otlpmetrichttp.New(ctx, otlpmetrichttp.WithEndpoint(endpoint), otlpmetrichttp.WithInsecure(),
			otlpmetrichttp.WithCompression(otlpmetrichttp.GzipCompression))
		return otlp(ctx, exporter, err)
	}
}

func openCensus(ctx context.Context, endpoint string) error {
	exporter, err := ocagent.NewExporter(ocagent.WithInsecure(), ocagent.WithAddress(endpoint),
		ocagent.WithServiceName("interop"))
	if err != nil {
		return err
	}
	key := tag.MustNewKey("app_id")
	count := stats.Int64("go/requests", "requests", stats.UnitDimensionless)
	latency := stats.Float64("go/latency", "latency", stats.UnitMilliseconds)
	views := []*view.View{
		{Name: "go/requests", Measure: count, Aggregation: view.Count(), TagKeys: []tag.Key{key}},
		{Name: "go/latency", Measure: latency, Aggregation: view.Distribution(1, 10), TagKeys: []tag.Key{key}},
	}
	if err := view.Register(views...); err != nil {
		return err
	}
	start := time.Now()
	tagged, err := tag.New(ctx, tag.Insert(key, "a"))
	if err != nil {
		return err
	}
	stats.Record(tagged, count.M(1), latency.M(3))
	stats.Record(tagged, count.M(1), latency.M(30))
	// What is reported before the connection is up is lost: report until standard input ends.
	ended := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(ended)
	}()
	for {
		for _, one := range views {
			rows, err := view.RetrieveData(one.Name)
			if err != nil {
				return err
			}
			exporter.ExportView(&view.Data{View: one, Start: start, End: time.Now(), Rows: rows})
		}
		exporter.Flush()
		select {
		case <-ended:
			return exporter.Stop()
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func otlp(ctx context.Context, exporter sdk.Exporter, err error) error {
	if err != nil {
		return err
	}
	provider := sdk.NewMeterProvider(
		sdk.WithReader(sdk.NewPeriodicReader(exporter)),
		sdk.WithResource(resource.NewSchemaless(attribute.String("service.instance.id", "go-1"))),
	)
	meter := provider.Meter("interop")
	app := metric.WithAttributes(attribute.String("app_id", "a"))
	count, err := meter.Int64Counter("go/requests")
	if err != nil {
		return err
	}
	latency, err := meter.Float64Histogram("go/latency")
	if err != nil {
		return err
	}
	count.Add(ctx, 2, app)
	latency.Record(ctx, 3, app)
	latency.Record(ctx, 30, app)
	return provider.Shutdown(ctx)
}
