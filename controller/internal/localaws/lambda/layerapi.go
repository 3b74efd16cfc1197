package lambda

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"

	"sealift.dev/sealift/controller/internal/localaws/wire"
)

type publishLayerVersionInput struct {
	CompatibleArchitectures []string
	CompatibleRuntimes      []string
	Content                 struct{ ZipFile []byte }
	Description             *string
	LicenseInfo             *string
}

func (in publishLayerVersionInput) check() error {
	var broken violations
	broken.atMost(in.Description, "description", 256)
	broken.atMost(in.LicenseInfo, "licenseInfo", 512)
	if len(in.CompatibleRuntimes) > 15 {
		broken.add("", "compatibleRuntimes", "Member must have length less than or equal to 15")
	}
	for _, architecture := range in.CompatibleArchitectures {
		if architecture != "x86_64" && architecture != "arm64" {
			broken.add("'["+architecture+"]' ", "compatibleArchitectures", "Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], Member must not be null]")
		}
	}
	if err := broken.err(); err != nil {
		return err
	}
	for _, runtime := range in.CompatibleRuntimes {
		if err := checkRuntime(runtime); err != nil {
			return err
		}
	}
	return nil
}

// publishLayerVersion makes a version, also of a content that another version has.
func (s *Service) publishLayerVersion(req request, in publishLayerVersionInput) (reply, error) {
	name, err := parseLayer(req.caller, req.function)
	if err != nil {
		return reply{}, err
	}
	answer := reply{resource: layerARN(req.caller, name)}
	if err := in.check(); err != nil {
		return answer, err
	}
	if len(in.Content.ZipFile) > maxZipped {
		return reply{}, wire.Errorf(http.StatusRequestEntityTooLarge, "RequestEntityTooLargeException", "Zipped size must be smaller than %d bytes", maxZipped)
	}
	unzipped, err := checkPackage(in.Content.ZipFile)
	if err != nil {
		return answer, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.layersOf(req.caller.Region)[name]
	v := layerVersion{
		Number: 1, Description: in.Description, LicenseInfo: in.LicenseInfo, Runtimes: in.CompatibleRuntimes, Architectures: in.CompatibleArchitectures,
		Created: s.now().UTC(), CodeSHA256: digest(in.Content.ZipFile), CodeSize: int64(len(in.Content.ZipFile)), Unzipped: unzipped,
	}
	if n := len(l.Versions); n > 0 {
		v.Number = l.Versions[n-1].Number + 1 // numbers are not used again
	}
	if err := s.folder.Put(layerFile(req.caller.Region, name, v.CodeSHA256), in.Content.ZipFile); err != nil {
		return answer, err
	}
	answer.body = s.describeLayer(req.caller, name, v)
	return answer, s.putLayer(req.caller.Region, layer{Name: name, Versions: append(slices.Clone(l.Versions), v)})
}

// layerOutput is a version as PublishLayerVersion and GetLayerVersion answer it.
type layerOutput struct {
	layerItem
	Content  layerContent
	LayerArn string
}

type layerContent struct {
	CodeSha256 string
	CodeSize   int64
	Location   string
}

// layerItem is a version as lists have it.
type layerItem struct {
	CompatibleArchitectures []string `json:",omitempty"`
	CompatibleRuntimes      []string `json:",omitempty"`
	CreatedDate             string
	Description             string
	LayerVersionArn         string
	LicenseInfo             string `json:",omitempty"`
	Version                 int64
}

func (s *Service) describeLayer(caller wire.Caller, name string, v layerVersion) layerOutput {
	return layerOutput{
		layerItem: v.item(caller, name), LayerArn: layerARN(caller, name),
		Content: layerContent{v.CodeSHA256, v.CodeSize, s.locate(caller, layerMark+name, v.CodeSHA256)},
	}
}

func (v layerVersion) item(caller wire.Caller, name string) layerItem {
	i := layerItem{
		CompatibleArchitectures: v.Architectures, CompatibleRuntimes: v.Runtimes, CreatedDate: v.Created.Format(lastModified),
		LayerVersionArn: versionARN(caller, name, v.Number), Version: v.Number,
	}
	set(&i.Description, v.Description)
	set(&i.LicenseInfo, v.LicenseInfo)
	return i
}

func (s *Service) getLayerVersion(req request) (reply, error) {
	return s.getLayer(req.caller, req.function, req.alias)
}

func (s *Service) getLayerVersionByArn(req request) (reply, error) {
	arn := req.query.Get("Arn")
	parts := layerVersionARN.FindStringSubmatch(arn)
	if parts == nil {
		return reply{}, validation("1 validation error detected: Value '%s' at 'arn' failed to satisfy constraint: Member must satisfy regular expression pattern: %s:[0-9]+", arn, layerPattern)
	}
	return s.getLayer(req.caller, parts[1], parts[2])
}

func (s *Service) getLayer(caller wire.Caller, given, number string) (reply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, v, err := s.findLayer(caller, given, number)
	if err != nil {
		return reply{}, err
	}
	return reply{resource: versionARN(caller, l.Name, v.Number), body: s.describeLayer(caller, l.Name, v)}, nil
}

// deleteLayerVersion hides a version; deleting one that is not there changes nothing.
func (s *Service) deleteLayerVersion(req request) (reply, error) {
	name, err := parseLayer(req.caller, req.function)
	if err != nil {
		return reply{}, err
	}
	number, err := strconv.ParseInt(req.alias, 10, 64)
	if err != nil || number < 1 {
		return reply{}, validation("the version of a layer is a number from 1")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	answer := reply{resource: versionARN(req.caller, name, number)}
	l := s.layersOf(req.caller.Region)[name]
	l.Versions = slices.Clone(l.Versions)
	i := slices.IndexFunc(l.Versions, func(v layerVersion) bool { return v.Number == number })
	if i < 0 {
		return answer, nil
	}
	l.Versions[i].Deleted = true
	return answer, s.putLayer(req.caller.Region, l)
}

type listLayerVersionsOutput struct {
	LayerVersions []layerItem
	NextMarker    string `json:",omitempty"`
}

// listLayerVersions lists the newest version first.
func (s *Service) listLayerVersions(req request) (reply, error) {
	name, err := parseLayer(req.caller, req.function)
	if err == nil {
		err = unfiltered(req)
	}
	if err != nil {
		return reply{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []layerItem{}
	for _, v := range s.layersOf(req.caller.Region)[name].live() {
		all = append(all, v.item(req.caller, name))
	}
	const last = int64(1e18) // a later version has a smaller key
	items, marker, err := page(req.query, all, func(i layerItem) string { return fmt.Sprintf("%019d", last-i.Version) })
	return reply{resource: layerARN(req.caller, name), body: listLayerVersionsOutput{items, marker}}, err
}

type listLayersOutput struct {
	Layers     []listedLayer
	NextMarker string `json:",omitempty"`
}

type listedLayer struct {
	LatestMatchingVersion layerItem
	LayerArn              string
	LayerName             string
}

func (s *Service) listLayers(req request) (reply, error) {
	if err := unfiltered(req); err != nil {
		return reply{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []listedLayer{}
	for _, l := range s.sortedLayers(req.caller.Region) {
		all = append(all, listedLayer{l.live()[0].item(req.caller, l.Name), layerARN(req.caller, l.Name), l.Name})
	}
	items, marker, err := page(req.query, all, func(l listedLayer) string { return l.LayerName })
	return reply{body: listLayersOutput{items, marker}}, err
}

func unfiltered(req request) error {
	for _, filter := range []string{"CompatibleRuntime", "CompatibleArchitecture"} {
		if req.query.Has(filter) {
			return invalidParameter("local AWS does not have the filter %s of layers", filter)
		}
	}
	return nil
}

// imageURI is the form of a container image in ECR.
var imageURI = regexp.MustCompile(`^[0-9]{12}\.dkr\.ecr(-fips)?\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/[a-z0-9/._-]{2,256}(:[a-zA-Z0-9._-]{1,128}|@sha256:[0-9a-f]{64})$`)

type functionCodeSigningOutput struct {
	CodeSigningConfigArn string `json:",omitempty"`
	FunctionName         string
}

// getFunctionCodeSigningConfig answers that there is none: local AWS does not let a caller make one.
func (s *Service) getFunctionCodeSigningConfig(req request) (reply, error) {
	n, err := unqualified(req.caller, req.function)
	if err != nil {
		return reply{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	answer := reply{resource: n.arn()}
	if _, err := s.find(n); err != nil {
		return answer, err
	}
	answer.body = functionCodeSigningOutput{FunctionName: n.function}
	return answer, nil
}

func (s *Service) getCodeSigningConfig(req request) (reply, error) {
	return reply{}, notFound("Code signing config not found: %s", req.function)
}
