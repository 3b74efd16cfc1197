package lambda

import (
	"slices"
	"strconv"
	"strings"
)

type createFunctionInput struct {
	change
	Architectures []string
	Code          struct {
		ImageUri string
		source
	}
	FunctionName string
	PackageType  string
	Publish      bool
	Tags         map[string]string
}

// settings returns what the function shall be with the package zipped; AWS's defaults where nothing is said.
func (in createFunctionInput) settings(zipped []byte) (settings, error) {
	architecture, err := architecture(in.Architectures, "x86_64")
	if err != nil {
		return settings{}, err
	}
	if in.Role == nil {
		return settings{}, validation("1 validation error detected: Value null at 'role' failed to satisfy constraint: Member must not be null")
	}
	image := in.PackageType == "Image"
	switch {
	case in.PackageType != "" && in.PackageType != "Zip" && !image:
		return settings{}, validation("1 validation error detected: Value '%s' at 'packageType' failed to satisfy constraint: Member must satisfy enum value set: [Zip, Image]", in.PackageType)
	case image && (in.Runtime != nil || in.Handler != nil || in.Layers != nil || in.Code.given()):
		return settings{}, invalidParameter("Please don't provide Runtime, Handler, Layers or ZipFile when the intended function PackageType is Image.")
	case image && in.Code.ImageUri == "" || !image && in.Code.ImageUri != "":
		return settings{}, invalidParameter("Please provide ImageUri when creating a function with packageType Image, and then alone.")
	}
	if !image && (in.Runtime == nil || in.Handler == nil) {
		return settings{}, invalidParameter("Runtime and Handler are mandatory parameters for functions created with deployment packages.")
	}
	if err := in.change.check(); err != nil {
		return settings{}, err
	}
	if _, err := merge(nil, in.Tags); err != nil {
		return settings{}, err
	}
	wanted := in.change.apply(settings{Architecture: architecture, MemorySize: minMemory, Timeout: 3})
	return wanted, wanted.take(zipped, in.Code.ImageUri)
}

// take makes the package, or the image of uri, the code of s.
func (s *settings) take(zipped []byte, uri string) (err error) {
	if uri != "" {
		if !imageURI.MatchString(uri) {
			return invalidParameter("Source image %s is not valid. Provide a valid source image.", uri)
		}
		s.ImageURI, s.CodeSHA256 = uri, imageDigest(uri)
		return nil
	}
	s.CodeSHA256, s.CodeSize = digest(zipped), int64(len(zipped))
	s.Unzipped, err = checkPackage(zipped)
	return err
}

// architecture reads the one element of Architectures; without it the architecture is what it was.
func architecture(given []string, otherwise string) (string, error) {
	const rule = "Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], Member must not be null]"
	value := "'[" + strings.Join(given, ", ") + "]' "
	var broken violations
	switch {
	case given == nil:
		return otherwise, nil
	case len(given) == 0:
		broken.add(value, "architectures", "Member must have length greater than or equal to 1")
	case len(given) > 1:
		broken.add(value, "architectures", "Member must have length less than or equal to 1")
	case given[0] != "x86_64" && given[0] != "arm64":
		broken.add(value, "architectures", rule)
	default:
		return given[0], nil
	}
	return "", broken.err()
}

func (s *Service) createFunction(req request, in createFunctionInput) (reply, error) {
	n, err := parseName(req.caller, in.FunctionName, "")
	if err != nil {
		return reply{}, err
	}
	if n.qualifier != "" || len(n.function) > 64 {
		return reply{}, invalidParameter("1 validation error detected: Value '%s' at 'functionName' failed to satisfy constraint: Member must have length less than or equal to 64", n.function+n.qualifier)
	}
	zipped, err := s.zip(req.caller.Region, in.Code.source)
	if err != nil {
		return reply{}, err
	}
	wanted, err := in.settings(zipped)
	if err != nil {
		return reply{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	answer := reply{resource: n.arn()}
	if _, exists := s.region(req.caller.Region)[n.function]; exists {
		return answer, conflict("Function already exist: %s", n.function)
	}
	if wanted.Layers, err = s.resolveLayers(req.caller, in.Layers, wanted.Unzipped); err != nil {
		return answer, err
	}
	f := function{Name: n.function, Tags: in.Tags, Next: 1}
	if f.Latest, err = s.edition(wanted, true); err != nil {
		return answer, err
	}
	number := latest
	if in.Publish {
		number = "1"
		if f, _, err = s.publish(f, nil); err != nil {
			return answer, err
		}
	}
	if wanted.ImageURI == "" {
		if err := s.folder.Put(packageFile(req.caller.Region, f.Name, wanted.CodeSHA256), zipped); err != nil {
			return answer, err
		}
	}
	answer.body = f.Latest.written(f.Name, n.arn(), number)
	return answer, s.put(req.caller.Region, f)
}

// deleteFunction removes a function, or one version of it that no alias names.
func (s *Service) deleteFunction(req request) (reply, error) {
	n, err := parseName(req.caller, req.function, req.query.Get("Qualifier"))
	if err != nil {
		return reply{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.find(n.at(""))
	answer := reply{resource: n.arn()}
	if err != nil {
		return answer, err
	}
	if n.qualifier != "" {
		f, err = f.withoutVersion(n.qualifier)
		if err != nil {
			return answer, err
		}
		err = s.put(req.caller.Region, f)
		s.forget(n.arn())
		return answer, err
	}
	if err := s.folder.Delete(document(req.caller.Region, f.Name)); err != nil {
		return answer, err
	}
	delete(s.region(req.caller.Region), f.Name)
	s.drop(req.caller.Region, f.Name, f.packages(), nil)
	s.forget(n.arn())
	return answer, nil
}

// withoutVersion returns f without a version; removing one that is not there changes nothing.
func (f function) withoutVersion(qualifier string) (function, error) {
	if qualifier == latest {
		return f, invalidParameter("$LATEST version cannot be deleted without deleting the function.")
	}
	if !digits.MatchString(qualifier) {
		return f, invalidParameter("Deletion of aliases is not currently supported.")
	}
	var named []string
	for name, a := range f.Aliases {
		if _, weighted := a.Weights[qualifier]; weighted || a.Version == qualifier {
			named = append(named, name)
		}
	}
	if slices.Sort(named); len(named) > 0 {
		return f, conflict("Unable to delete version because the following aliases reference it: [%s]", strings.Join(named, ", "))
	}
	f.Versions = slices.DeleteFunc(slices.Clone(f.Versions), func(v version) bool { return strconv.Itoa(v.Number) == qualifier })
	return f, nil
}

// written is the reply to a write of f's $LATEST.
func (s *Service) written(f function, n name) reply {
	return reply{resource: n.arn(), body: f.Latest.written(f.Name, n.arn(), latest)}
}
