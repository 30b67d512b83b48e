package provider

import (
	"encoding/xml"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"lkbuild/metadata/internal/machine"
	"lkbuild/metadata/internal/volume"
)

// shelf is a machine's disks, in memory.
type shelf map[volume.Volume]fstest.MapFS

func (s shelf) List() (found []volume.Volume) {
	for v := range s {
		found = append(found, v)
	}
	return found
}

func (s shelf) With(v volume.Volume, use func(fs.FS) error) error { return use(s[v]) }

// serve answers with documents by path and query; what holds false is refused.
func serve(t *testing.T, documents map[string]string, holds func(*http.Request) bool) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, ok := documents[r.URL.RequestURI()]
		switch {
		case !holds(r):
			w.WriteHeader(http.StatusUnauthorized)
		case !ok:
			w.WriteHeader(http.StatusNotFound)
		default:
			io.WriteString(w, text)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL + "/"
}

func anyone(*http.Request) bool { return true }

func told(t *testing.T, p machine.Provider, want machine.Data) {
	t.Helper()
	data, err := p.Fetch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(*data, want) {
		t.Errorf("got  %+v\nwant %+v", *data, want)
	}
}

func TestAWSIsAskedWithASessionsTokenForEveryKey(t *testing.T) {
	const meta = "/latest/meta-data/"
	base := serve(t, map[string]string{
		"/latest/api/token":                  "TOKEN",
		meta + "hostname":                    "ip-10-0-0-1.ec2.internal",
		meta + "placement/availability-zone": "eu-west-1a",
		meta + "instance-id":                 "i-1",
		meta + "instance-type":               "t3.micro",
		meta + "local-hostname":              "ip-10-0-0-1",
		meta + "local-ipv4":                  "10.0.0.1",
		meta + "public-keys/":                "0=mine\n1=theirs",
		meta + "public-keys/0/openssh-key":   "ssh-ed25519 AAAA mine\n",
		meta + "public-keys/1/openssh-key":   "ssh-ed25519 BBBB theirs\n",
		"/latest/user-data":                  "#!/bin/sh\n",
	}, func(r *http.Request) bool {
		if r.Method == http.MethodPut {
			return r.Header.Get("X-aws-ec2-metadata-token-ttl-seconds") != ""
		}
		return r.Header.Get("X-aws-ec2-metadata-token") == "TOKEN"
	})
	told(t, AWS{Base: base}, machine.Data{
		Hostname: "ip-10-0-0-1.ec2.internal",
		Keys:     []string{"ssh-ed25519 AAAA mine", "ssh-ed25519 BBBB theirs"},
		Userdata: []byte("#!/bin/sh\n"),
		Facts: map[string]string{
			"availability_zone": "eu-west-1a", "instance_id": "i-1", "instance_type": "t3.micro",
			"local_hostname": "ip-10-0-0-1", "local_ipv4": "10.0.0.1",
		},
	})
}

func TestAServerThatRefusesIsAnErrorAndNotAMachineWithoutData(t *testing.T) {
	base := serve(t, nil, func(*http.Request) bool { return false })
	for _, p := range []machine.Provider{
		AWS{Base: base}, Azure{Base: base, Wire: base, Shelf: shelf{}}, GCP{Base: base}, Hetzner{Base: base}, OpenStack{Base: base, Shelf: shelf{}},
	} {
		if _, err := p.Fetch(t.Context()); err == nil || errors.Is(err, machine.ErrAbsent) {
			t.Errorf("%s: %v", p.Name(), err)
		}
	}
}

const gcpDocument = `{
	"instance": {
		"attributes": {"ssh-keys": "me:ssh-ed25519 AAAA me\nyou:ssh-ed25519 BBBB you", "user-data": "new", "userdata": "old"%s},
		"hostname": "box.c.project.internal", "id": 4520031799277581759,
		"machineType": "projects/1/machineTypes/e2-micro", "zone": "projects/1/zones/europe-west1-b",
		"networkInterfaces": [{"ip": "10.1.0.2", "accessConfigs": [{"externalIp": "192.0.2.1", "type": "ONE_TO_ONE_NAT"}]}]
	},
	"project": {"attributes": {"ssh-keys": "admin:ssh-ed25519 CCCC admin"}}
}`

func googleServer(t *testing.T, more string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Metadata-Flavor") != "Google" || r.URL.RequestURI() != "/computeMetadata/v1/?recursive=true" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		w.Header().Set("Metadata-Flavor", "Google")
		io.WriteString(w, strings.Replace(gcpDocument, "%s", more, 1))
	}))
	t.Cleanup(server.Close)
	return server.URL + "/"
}

func TestGoogleTellsAllAtOnceWithTheProjectsKeys(t *testing.T) {
	want := machine.Data{
		Hostname: "box.c.project.internal",
		Keys:     []string{"ssh-ed25519 AAAA me", "ssh-ed25519 BBBB you", "ssh-ed25519 CCCC admin"},
		Userdata: []byte("new"),
		Facts: map[string]string{
			"availability_zone": "europe-west1-b", "instance_id": "4520031799277581759", "instance_type": "e2-micro",
			"local_ipv4": "10.1.0.2", "public_ipv4": "192.0.2.1",
		},
	}
	told(t, GCP{Base: googleServer(t, "")}, want)
	want.Keys = want.Keys[:2]
	told(t, GCP{Base: googleServer(t, `, "block-project-ssh-keys": "TRUE"`)}, want)
}

func TestAnotherServerAtTheSameAddressIsNotGoogles(t *testing.T) {
	base := serve(t, map[string]string{"/computeMetadata/v1/?recursive=true": "{}"}, anyone)
	if _, err := (GCP{Base: base}).Fetch(t.Context()); !errors.Is(err, machine.ErrAbsent) {
		t.Error(err)
	}
}

func TestHetznerGivesItsKeysAsAList(t *testing.T) {
	const meta = "/hetzner/v1/metadata/"
	base := serve(t, map[string]string{
		meta + "hostname": "box", meta + "instance-id": "42", meta + "public-ipv4": "192.0.2.9", meta + "availability-zone": "fsn1-dc8",
		meta + "public-keys": `["ssh-ed25519 AAAA a", "ssh-ed25519 BBBB b"]`, "/hetzner/v1/userdata": "",
	}, anyone)
	told(t, Hetzner{Base: base}, machine.Data{
		Hostname: "box",
		Keys:     []string{"ssh-ed25519 AAAA a", "ssh-ed25519 BBBB b"},
		Facts:    map[string]string{"instance_id": "42", "public_ipv4": "192.0.2.9", "availability_zone": "fsn1-dc8"},
	})
}

const novaDocument = `{"uuid": "u-1", "hostname": "box.novalocal", "availability_zone": "nova", "public_keys": {"b": "ssh-ed25519 BBBB\n", "a": "ssh-ed25519 AAAA"}}`

var nova = machine.Data{
	Hostname: "box.novalocal",
	Keys:     []string{"ssh-ed25519 AAAA", "ssh-ed25519 BBBB"},
	Userdata: []byte("ud"),
	Facts:    map[string]string{"instance_id": "u-1", "availability_zone": "nova"},
}

func TestOpenStackSaysTheSameByItsServerAndByItsDrive(t *testing.T) {
	base := serve(t, map[string]string{"/openstack/latest/meta_data.json": novaDocument, "/openstack/latest/user_data": "ud"}, anyone)
	told(t, OpenStack{Base: base, Shelf: shelf{}}, nova)
	drive := fstest.MapFS{"openstack/latest/meta_data.json": {Data: []byte(novaDocument)}, "openstack/latest/user_data": {Data: []byte("ud")}}
	disks := shelf{{Device: "/dev/vda1", Kind: "vfat", Label: "data"}: nil, {Device: "/dev/sr0", Kind: "iso9660", Label: "config-2"}: drive}
	told(t, OpenStack{Shelf: disks}, nova)
	if _, err := (OpenStack{Shelf: shelf{}}).Fetch(t.Context()); !errors.Is(err, machine.ErrAbsent) {
		t.Error(err)
	}
}

const ovf = `<?xml version="1.0" encoding="utf-8"?>
<Environment xmlns="http://schemas.dmtf.org/ovf/environment/1" xmlns:wa="http://schemas.microsoft.com/windowsazure">
 <wa:ProvisioningSection><wa:Version>1.0</wa:Version>
  <LinuxProvisioningConfigurationSet xmlns="http://schemas.microsoft.com/windowsazure">
   <HostName>from-dvd</HostName><UserName>me</UserName><UserPassword>secret</UserPassword>
   <SSH><PublicKeys><PublicKey><Fingerprint>X</Fingerprint><Path>/home/me/.ssh/authorized_keys</Path><Value>ssh-rsa AAAA
</Value></PublicKey></PublicKeys></SSH>
   <CustomData>IyEvYmluL3NoCg==</CustomData>
  </LinuxProvisioningConfigurationSet></wa:ProvisioningSection>
</Environment>`

const azureDocument = `{"compute": {"name": "from-imds", "vmId": "v-1", "zone": "2", "userData": "dWQ=",
	"publicKeys": [{"keyData": "ssh-rsa AAAA\r\n", "path": "/home/me/.ssh/authorized_keys"}, {"keyData": "ssh-rsa BB\r\nBB me", "path": "x"}]},
	"network": {"interface": [{"ipv4": {"ipAddress": [{"privateIpAddress": "10.0.0.4", "publicIpAddress": ""}]}}]}}`

func azureServer(t *testing.T) string {
	return serve(t, map[string]string{"/metadata/instance?api-version=2021-02-01": azureDocument}, func(r *http.Request) bool {
		return r.Header.Get("Metadata") == "true"
	})
}

func TestAzuresDvdWinsOverItsServerWhichIsThereAtEveryStart(t *testing.T) {
	base := azureServer(t)
	facts := map[string]string{"compute_vmId": "v-1", "compute_zone": "2", "network_interface_0_ipv4_ipAddress_0_privateIpAddress": "10.0.0.4"}
	keys := []string{"ssh-rsa AAAA", "ssh-rsa BBBB me"}
	disks := shelf{
		{Device: "/dev/sda1", Kind: "vfat"}: {"ovf-env.xml": {Data: []byte("not the DVD")}},
		{Device: "/dev/sr0", Kind: "udf"}:   {"ovf-env.xml": {Data: []byte(ovf)}},
	}
	told(t, Azure{Base: base, Shelf: disks}, machine.Data{Hostname: "from-dvd", Keys: keys, Userdata: []byte("#!/bin/sh\n"), Facts: facts})
	told(t, Azure{Base: base, Shelf: shelf{}}, machine.Data{Hostname: "from-imds", Keys: keys, Userdata: []byte("ud"), Facts: facts})
}

func TestAzureHearsThatTheMachineIsReady(t *testing.T) {
	var said health
	var headers http.Header
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method + r.URL.RequestURI() {
		case "GET/machine?comp=goalstate":
			io.WriteString(w, `<GoalState><Incarnation>7</Incarnation><Container><ContainerId>c</ContainerId>
				<RoleInstanceList><RoleInstance><InstanceId>i</InstanceId></RoleInstance></RoleInstanceList></Container></GoalState>`)
		case "POST/machine?comp=health":
			headers = r.Header
			xml.NewDecoder(r.Body).Decode(&said)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer server.Close()
	if err := (Azure{Wire: server.URL + "/"}).Report(t.Context()); err != nil {
		t.Fatal(err)
	}
	said.XMLName = xml.Name{}
	if want := (health{Incarnation: "7", Container: "c", Instance: "i", State: "Ready"}); said != want || headers.Get("x-ms-version") == "" {
		t.Errorf("%+v, %v", said, headers)
	}
}
