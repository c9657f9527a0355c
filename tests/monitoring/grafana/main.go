// Reads dashboards by the types that Grafana generates from its own schema: a field that Grafana does not know, or of
// another type, ends it with 1 and the place. Panels and queries of kinds that are not registered here do too.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

func main() {
	runtime := cog.NewRuntime()
	runtime.RegisterPanelcfgVariant(timeseries.VariantConfig())
	runtime.RegisterPanelcfgVariant(stat.VariantConfig())
	runtime.RegisterPanelcfgVariant(table.VariantConfig())
	runtime.RegisterDataqueryVariant(prometheus.VariantConfig())
	failed := false
	for _, path := range os.Args[1:] {
		if err := check(path); err != nil {
			fmt.Printf("%s: %v\n", path, err)
			failed = true
		}
	}
	if failed {
		os.Exit(1)
	}
}

func check(path string) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var found dashboard.Dashboard
	if err := some(found.UnmarshalJSONStrict(raw)); err != nil {
		return err
	}
	for _, each := range found.Panels {
		if each.Panel == nil {
			continue
		}
		if _, known := cog.ConfigForPanelcfgVariant(each.Panel.Type); !known {
			return fmt.Errorf("panel %v is of type %s, which is not checked", *each.Panel.Title, each.Panel.Type)
		}
	}
	if err := checkFields(raw); err != nil {
		return err
	}
	return some(found.Validate())
}

// checkFields reads each panel's fieldConfig by itself: the library passes over what it does not know of it.
func checkFields(raw []byte) error {
	var found struct {
		Panels []struct {
			Title       string
			FieldConfig json.RawMessage
		}
	}
	if err := json.Unmarshal(raw, &found); err != nil {
		return err
	}
	for _, panel := range found.Panels {
		var fields dashboard.FieldConfigSource
		if err := some(fields.UnmarshalJSONStrict(panel.FieldConfig)); err != nil {
			return fmt.Errorf("panel %s: %w", panel.Title, err)
		}
	}
	return nil
}

// some turns the library's empty list of errors, which is no nil, into none.
func some(err error) error {
	var listed cog.BuildErrors
	if errors.As(err, &listed) && len(listed) == 0 {
		return nil
	}
	return err
}
