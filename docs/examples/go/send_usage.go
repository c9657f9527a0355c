// Command send_usage sends usage of one workspace and returns when Kafka has acknowledged every record.
//
//	go run . wksp_a
//
// A run that fails may simply be repeated: an event has the same identity and content, so it counts once.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

type data struct {
	Item     string `json:"item"`
	Quantity int64  `json:"quantity"`
}

type event struct {
	SpecVersion string `json:"specversion"`
	ID          string `json:"id"`
	Source      string `json:"source"`
	Type        string `json:"type"`
	Subject     string `json:"subject"`
	Time        string `json:"time"`
	Data        data   `json:"data"`
}

// usage is one event. Its id follows from what it reports, so a second attempt makes the same id.
func usage(workspace, item string, quantity int64, at time.Time) event {
	moment := at.UTC().Format(time.RFC3339)
	return event{
		SpecVersion: "1.0",
		ID:          fmt.Sprintf("%s-%d-%s", item, quantity, moment),
		Source:      "examples/go",
		Type:        "usage.recorded",
		Subject:     workspace,
		Time:        moment,
		Data:        data{item, quantity},
	}
}

// structured has the whole event as JSON in the value.
func structured(topic string, e event) *kgo.Record {
	return &kgo.Record{Topic: topic, Key: []byte(e.Subject), Value: encode(e)}
}

// binary has the attributes in headers that begin with ce_, and only the data in the value.
func binary(topic string, e event) *kgo.Record {
	return &kgo.Record{
		Topic: topic,
		Key:   []byte(e.Subject),
		Value: encode(e.Data),
		Headers: []kgo.RecordHeader{
			{Key: "ce_specversion", Value: []byte(e.SpecVersion)},
			{Key: "ce_id", Value: []byte(e.ID)},
			{Key: "ce_source", Value: []byte(e.Source)},
			{Key: "ce_type", Value: []byte(e.Type)},
			{Key: "ce_subject", Value: []byte(e.Subject)},
			{Key: "ce_time", Value: []byte(e.Time)},
		},
	}
}

func encode(content any) []byte {
	encoded, err := json.Marshal(content)
	if err != nil {
		log.Fatal(err)
	}
	return encoded
}

func main() {
	broker := os.Getenv("METER_BROKER")
	if broker == "" {
		broker = "127.0.0.1:9092"
	}
	// franz-go is idempotent and asks for acks=all unless told otherwise.
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(broker, ",")...))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	topic := os.Getenv("METER_TOPIC_PREFIX") + "usage"
	minute := time.Now().Truncate(time.Minute)
	first := usage(os.Args[1], "logs", 1_000_000, minute)
	second := usage(os.Args[1], "logs", 2_000_000, minute)
	// The second is a repeat: it counts once.
	records := []*kgo.Record{structured(topic, first), structured(topic, first), binary(topic, second)}
	deadline, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := client.ProduceSync(deadline, records...).FirstErr(); err != nil {
		log.Fatalf("not acknowledged, run it again: %v", err)
	}
	fmt.Printf("%d records acknowledged\n", len(records))
}
