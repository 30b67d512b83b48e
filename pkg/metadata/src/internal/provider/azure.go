package provider

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"lkbuild/metadata/internal/machine"
	"lkbuild/metadata/internal/source"
	"lkbuild/metadata/internal/volume"
)

// Azure reads ovf-env.xml from the DVD that a machine is provisioned with,
// asks the instance metadata service for the rest, and tells the wire server
// that it is ready (learn.microsoft.com/azure: "Instance Metadata Service",
// "Creating generalized images without a provisioning agent").
type Azure struct {
	Base  string // of the metadata service
	Wire  string // of the wire server
	Shelf volume.Shelf
}

// Name implements machine.Provider.
func (Azure) Name() string { return "azure" }

type ovfEnvironment struct {
	Linux struct {
		HostName   string `xml:"HostName"`
		CustomData string `xml:"CustomData"`
		Keys       []struct {
			Value string `xml:"Value"`
		} `xml:"SSH>PublicKeys>PublicKey"`
	} `xml:"ProvisioningSection>LinuxProvisioningConfigurationSet"`
}

type azureInstance struct {
	Compute struct {
		Name       string `json:"name"`
		VMID       string `json:"vmId"`
		Zone       string `json:"zone"`
		UserData   string `json:"userData"`
		PublicKeys []struct {
			KeyData string `json:"keyData"`
		} `json:"publicKeys"`
	} `json:"compute"`
	Network struct {
		Interface []struct {
			IPv4 struct {
				Addresses []struct {
					Private string `json:"privateIpAddress"`
					Public  string `json:"publicIpAddress"`
				} `json:"ipAddress"`
			} `json:"ipv4"`
		} `json:"interface"`
	} `json:"network"`
}

// Fetch implements machine.Provider.
func (p Azure) Fetch(ctx context.Context) (*machine.Data, error) {
	data, err := p.dvd()
	if err != nil && !errors.Is(err, machine.ErrAbsent) {
		return nil, err
	}
	if data == nil {
		data = &machine.Data{} // the DVD is there at the first start only
	}
	w := source.Web{Base: p.Base, Headers: map[string]string{"Metadata": "true"}}
	text, err := w.Read(ctx, "metadata/instance?api-version=2021-02-01")
	if err != nil {
		return nil, err
	}
	var m azureInstance
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, fmt.Errorf("%s: %w", p.Base, err)
	}
	if data.Hostname == "" {
		data.Hostname = m.Compute.Name
	}
	for _, key := range m.Compute.PublicKeys {
		data.Key(oneLine(key.KeyData))
	}
	data.Fact("compute_vmId", m.Compute.VMID)
	data.Fact("compute_zone", m.Compute.Zone)
	if len(m.Network.Interface) > 0 && len(m.Network.Interface[0].IPv4.Addresses) > 0 {
		first := m.Network.Interface[0].IPv4.Addresses[0]
		data.Fact("network_interface_0_ipv4_ipAddress_0_privateIpAddress", first.Private)
		data.Fact("network_interface_0_ipv4_ipAddress_0_publicIpAddress", first.Public)
	}
	if data.Userdata == nil && m.Compute.UserData != "" {
		if data.Userdata, err = base64.StdEncoding.DecodeString(m.Compute.UserData); err != nil {
			return nil, fmt.Errorf("userData: %w", err)
		}
	}
	return data, nil
}

// oneLine takes out line ends that a portal's text field may have put into a key.
func oneLine(key string) string {
	return strings.NewReplacer("\r", "", "\n", "").Replace(strings.TrimSpace(key))
}

func (p Azure) dvd() (data *machine.Data, err error) {
	for _, v := range p.Shelf.List() {
		if !v.CDROM() {
			continue
		}
		err := p.Shelf.With(v, func(files fs.FS) error {
			text, err := fs.ReadFile(files, "ovf-env.xml")
			if err == nil {
				data, err = parseOVF(text)
			}
			return err
		})
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		return data, err
	}
	return nil, machine.ErrAbsent
}

func parseOVF(text []byte) (*machine.Data, error) {
	var ovf ovfEnvironment
	if err := xml.Unmarshal(text, &ovf); err != nil {
		return nil, fmt.Errorf("ovf-env.xml: %w", err)
	}
	data := &machine.Data{Hostname: ovf.Linux.HostName}
	for _, key := range ovf.Linux.Keys {
		data.Key(oneLine(key.Value))
	}
	if custom := strings.TrimSpace(ovf.Linux.CustomData); custom != "" {
		decoded, err := base64.StdEncoding.DecodeString(custom)
		if err != nil {
			return nil, fmt.Errorf("ovf-env.xml: CustomData: %w", err)
		}
		data.Userdata = decoded
	}
	return data, nil
}

type goalState struct {
	Incarnation string `xml:"Incarnation"`
	Container   string `xml:"Container>ContainerId"`
	Instance    string `xml:"Container>RoleInstanceList>RoleInstance>InstanceId"`
}

type health struct {
	XMLName     xml.Name `xml:"Health"`
	Incarnation string   `xml:"GoalStateIncarnation"`
	Container   string   `xml:"Container>ContainerId"`
	Instance    string   `xml:"Container>RoleInstanceList>Role>InstanceId"`
	State       string   `xml:"Container>RoleInstanceList>Role>Health>State"`
}

// Report implements machine.Reporter: without it Azure takes the machine for
// one that failed to start.
func (p Azure) Report(ctx context.Context) error {
	w := source.Web{Base: p.Wire, Headers: map[string]string{"x-ms-version": "2012-11-30"}}
	text, err := w.Read(ctx, "machine?comp=goalstate")
	if err != nil {
		return err
	}
	var goal goalState
	if err := xml.Unmarshal(text, &goal); err != nil {
		return fmt.Errorf("goal state: %w", err)
	}
	said, err := xml.Marshal(health{Incarnation: goal.Incarnation, Container: goal.Container, Instance: goal.Instance, State: "Ready"})
	if err != nil {
		return err
	}
	headers := map[string]string{"x-ms-agent-name": "lkbuild", "Content-Type": "text/xml;charset=utf-8"}
	_, _, err = w.Ask(ctx, "POST", "machine?comp=health", headers, bytes.Join([][]byte{[]byte(xml.Header), said}, nil))
	return err
}
