package lambda

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"sealift.dev/sealift/controller/internal/localaws/runtime"
	"sealift.dev/sealift/controller/internal/localaws/state"
	"sealift.dev/sealift/controller/internal/localaws/wire"
)

// maxLayers is how many layers a function may have
// (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
const maxLayers = 5

// layerMark begins the owner of a layer's content in the path of a download; no function has such a name.
const layerMark = "layer:"

const layerPattern = `((?!.*\.\..*)(arn:(aws[a-zA-Z-]*)?:lambda:[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:layer:[a-zA-Z0-9-_]+)|[a-zA-Z0-9-_]+)`

var (
	layerName       = regexp.MustCompile(`^(?:arn:aws[a-zA-Z-]*:lambda:([a-z]{2}(?:-gov|-iso[a-z]?)?-[a-z]+-\d):(\d{12}):layer:)?([a-zA-Z0-9_-]+)$`)
	layerVersionARN = regexp.MustCompile(`^(arn:aws[a-zA-Z-]*:lambda:[a-z]{2}(?:-gov|-iso[a-z]?)?-[a-z]+-\d:\d{12}:layer:[a-zA-Z0-9_-]{1,140}):([0-9]{1,18})$`)
)

// layer is a layer as it is kept.
type layer struct {
	Name     string
	Versions []layerVersion // ascending
}

// layerVersion is a version of a layer. One that was deleted stays for the functions that use it: theirs go on working
// (https://docs.aws.amazon.com/lambda/latest/api/API_DeleteLayerVersion.html).
type layerVersion struct {
	Number        int64
	Description   *string  `json:",omitempty"`
	LicenseInfo   *string  `json:",omitempty"`
	Runtimes      []string `json:",omitempty"`
	Architectures []string `json:",omitempty"`
	Created       time.Time
	CodeSHA256    string
	CodeSize      int64
	Unzipped      int64
	Deleted       bool `json:",omitempty"`
}

// layerRef is a layer version that a function uses.
type layerRef struct {
	ARN        string
	CodeSHA256 string
	CodeSize   int64
	Unzipped   int64
}

// layerDescription is a Layer of the API.
type layerDescription struct {
	Arn      string
	CodeSize int64
}

func layerDocument(region, layer string) string {
	return "layers/" + region + "/" + state.Element(layer) + "/layer.json"
}

func layerFile(region, layer, sha256 string) string {
	return "layers/" + region + "/" + state.Element(layer) + "/code/" + hexDigest(sha256) + ".zip"
}

// loadLayers reads the layers that the folder holds. Contents that no version refers to are those of a publication that
// did not come to its end.
func (s *Service) loadLayers() error {
	names, err := s.folder.Names("layers/")
	if err != nil {
		return err
	}
	contents := map[string]bool{}
	for _, name := range names {
		if strings.HasSuffix(name, ".zip") {
			contents[name] = true
		} else if err := s.loadLayer(name); err != nil {
			return fmt.Errorf("state %s is damaged: %w", name, err)
		}
	}
	for region, layers := range s.layers {
		for _, l := range layers {
			for _, v := range l.Versions {
				file := layerFile(region, l.Name, v.CodeSHA256)
				if _, exists := contents[file]; !exists {
					return fmt.Errorf("state %s is damaged: %s is missing", layerDocument(region, l.Name), file)
				}
				contents[file] = false
			}
		}
	}
	for name, orphan := range contents {
		if orphan {
			if err := s.folder.Delete(name); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Service) loadLayer(name string) error {
	content, err := s.folder.Get(name)
	if err != nil {
		return err
	}
	var l layer
	if err := json.Unmarshal(content, &l); err != nil {
		return err
	}
	path := strings.Split(name, "/")
	if len(path) != 4 || name != layerDocument(path[1], l.Name) {
		return errors.New("the document does not belong here")
	}
	s.layersOf(path[1])[l.Name] = l
	return nil
}

func (s *Service) layersOf(region string) map[string]layer {
	if s.layers[region] == nil {
		s.layers[region] = map[string]layer{}
	}
	return s.layers[region]
}

// putLayer stores l. If it returns an error, the layer is what it was before. The caller holds s.mu.
func (s *Service) putLayer(region string, l layer) error {
	content, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("encode layer %s: %w", l.Name, err)
	}
	if err := s.folder.Put(layerDocument(region, l.Name), content); err != nil {
		return err
	}
	s.layersOf(region)[l.Name] = l
	return nil
}

// live are the versions of l that were not deleted, the newest first.
func (l layer) live() []layerVersion {
	versions := slices.DeleteFunc(slices.Clone(l.Versions), func(v layerVersion) bool { return v.Deleted })
	slices.Reverse(versions)
	return versions
}

// parseLayer reads the name of a layer, or its ARN, and returns the name.
func parseLayer(caller wire.Caller, given string) (string, error) {
	parts := layerName.FindStringSubmatch(given)
	var broken violations
	if len(given) > 140 {
		broken.add("'"+given+"' ", "layerName", "Member must have length less than or equal to 140")
	}
	if parts == nil {
		broken.add("'"+given+"' ", "layerName", "Member must satisfy regular expression pattern: "+layerPattern)
	}
	if err := broken.err(); err != nil {
		return "", err
	}
	if parts[1] != "" && (parts[1] != caller.Region || parts[2] != caller.Account) {
		return "", wire.Errorf(403, "AccessDeniedException", "local AWS has the layers of %s in %s only", caller.Account, caller.Region)
	}
	return parts[3], nil
}

func layerARN(caller wire.Caller, name string) string { return caller.ARN("lambda", "layer:"+name) }

func versionARN(caller wire.Caller, name string, number int64) string {
	return layerARN(caller, name) + ":" + strconv.FormatInt(number, 10)
}

// resolveLayers returns the layer versions that arns name, for a function whose code has so many bytes. The caller holds
// s.mu.
func (s *Service) resolveLayers(caller wire.Caller, arns []string, unzipped int64) ([]layerRef, error) {
	if len(arns) > maxLayers {
		return nil, invalidParameter("Cannot reference more than %d layers.", maxLayers)
	}
	var refs []layerRef
	first := map[string]string{}
	for _, arn := range arns {
		parts := layerVersionARN.FindStringSubmatch(arn)
		if parts == nil {
			return nil, validation("1 validation error detected: Value '[%s]' at 'layers' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to 2048, Member must satisfy regular expression pattern: %s:[0-9]+, Member must not be null]", arn, layerPattern)
		}
		if other, twice := first[parts[1]]; twice {
			return nil, invalidParameter("Two different versions of the same layer are not allowed to be referenced in the same function. %s and %s.", other, arn)
		}
		first[parts[1]] = arn
		ref, err := s.resolveLayer(caller, parts[1], parts[2])
		if err != nil {
			return nil, err
		}
		refs = append(refs, ref)
	}
	return refs, checkUnzipped(unzipped, refs)
}

func (s *Service) resolveLayer(caller wire.Caller, arn, number string) (layerRef, error) {
	l, v, err := s.findLayer(caller, arn, number)
	if err != nil {
		return layerRef{}, invalidParameter("Layer version %s:%s does not exist.", arn, number)
	}
	return layerRef{ARN: versionARN(caller, l.Name, v.Number), CodeSHA256: v.CodeSHA256, CodeSize: v.CodeSize, Unzipped: v.Unzipped}, nil
}

// findLayer returns a version that was not deleted. The caller holds s.mu.
func (s *Service) findLayer(caller wire.Caller, given, number string) (layer, layerVersion, error) {
	name, err := parseLayer(caller, given)
	if err != nil {
		return layer{}, layerVersion{}, err
	}
	l := s.layersOf(caller.Region)[name]
	for _, v := range l.live() {
		if strconv.FormatInt(v.Number, 10) == number {
			return l, v, nil
		}
	}
	return layer{}, layerVersion{}, notFound("Layer version %s:%s does not exist.", layerARN(caller, name), number)
}

// checkUnzipped applies the limit on the code and all layers together.
func checkUnzipped(code int64, layers []layerRef) error {
	total := code
	for _, l := range layers {
		total += l.Unzipped
	}
	if total > maxUnzipped {
		return invalidParameter("Function code combined with layers exceeds the maximum allowed size of %d bytes. The actual size is %d bytes.", maxUnzipped, total)
	}
	return nil
}

// layersToRun are the layers of a function without their contents, which readLayers adds.
func layersToRun(refs []layerRef) []runtime.Layer {
	var layers []runtime.Layer
	for _, ref := range refs {
		layers = append(layers, runtime.Layer{ARN: ref.ARN, CodeSHA256: ref.CodeSHA256})
	}
	return layers
}

func (s *Service) readLayers(region string, layers []runtime.Layer) error {
	for i, l := range layers {
		parts := layerVersionARN.FindStringSubmatch(l.ARN)
		if parts == nil {
			return fmt.Errorf("layer %s of a function has no ARN of a layer", l.ARN)
		}
		content, err := s.folder.Get(layerFile(region, parts[1][strings.LastIndex(parts[1], ":")+1:], l.CodeSHA256))
		if err != nil {
			return err
		}
		layers[i].Content = content
	}
	return nil
}

// sortedLayers are the layers of a region that have a version, by name. The caller holds s.mu.
func (s *Service) sortedLayers(region string) []layer {
	var all []layer
	for _, name := range slices.Sorted(maps.Keys(s.layersOf(region))) {
		if l := s.layersOf(region)[name]; len(l.live()) > 0 {
			all = append(all, l)
		}
	}
	return all
}
