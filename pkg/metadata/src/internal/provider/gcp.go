package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"strings"

	"lkbuild/metadata/internal/machine"
	"lkbuild/metadata/internal/source"
)

// GCP asks Compute Engine's metadata server for all of it at once
// (cloud.google.com/compute/docs/metadata/querying-metadata).
type GCP struct{ Base string }

var google = map[string]string{"Metadata-Flavor": "Google"}

type gcpMetadata struct {
	Instance struct {
		Attributes  map[string]string `json:"attributes"`
		Hostname    string            `json:"hostname"`
		ID          json.Number       `json:"id"`
		MachineType string            `json:"machineType"`
		Zone        string            `json:"zone"`
		Interfaces  []struct {
			IP            string `json:"ip"`
			AccessConfigs []struct {
				ExternalIP string `json:"externalIp"`
			} `json:"accessConfigs"`
		} `json:"networkInterfaces"`
	} `json:"instance"`
	Project struct {
		Attributes map[string]string `json:"attributes"`
	} `json:"project"`
}

// Name implements machine.Provider.
func (GCP) Name() string { return "gcp" }

// Fetch implements machine.Provider.
func (p GCP) Fetch(ctx context.Context) (*machine.Data, error) {
	text, header, err := source.Web{Base: p.Base}.Ask(ctx, http.MethodGet, "computeMetadata/v1/?recursive=true", google, nil)
	if err != nil {
		return nil, err
	}
	if header.Get("Metadata-Flavor") != "Google" {
		return nil, fmt.Errorf("%s is not Google's server: %w", p.Base, machine.ErrAbsent)
	}
	var m gcpMetadata
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, fmt.Errorf("%s: %w", p.Base, err)
	}
	data := &machine.Data{Hostname: m.Instance.Hostname}
	data.Fact("instance_id", m.Instance.ID.String())
	data.Fact("instance_type", path.Base("/"+m.Instance.MachineType))
	data.Fact("availability_zone", path.Base("/"+m.Instance.Zone))
	if len(m.Instance.Interfaces) > 0 {
		first := m.Instance.Interfaces[0]
		data.Fact("local_ipv4", first.IP)
		if len(first.AccessConfigs) > 0 {
			data.Fact("public_ipv4", first.AccessConfigs[0].ExternalIP)
		}
	}
	gcpKeys(data, m.Instance.Attributes["ssh-keys"])
	if !strings.EqualFold(m.Instance.Attributes["block-project-ssh-keys"], "true") {
		gcpKeys(data, m.Project.Attributes["ssh-keys"])
	}
	for _, name := range []string{"user-data", "userdata"} { // the second is what LinuxKit asked for first
		if value, ok := m.Instance.Attributes[name]; ok {
			data.Userdata = []byte(value)
			break
		}
	}
	return data, nil
}

// gcpKeys takes lines of "user:key"; all of them become root's, as there are no other users.
func gcpKeys(data *machine.Data, lines string) {
	for _, line := range strings.Split(lines, "\n") {
		if _, key, ok := strings.Cut(line, ":"); ok {
			data.Key(key)
		}
	}
}
