package lambda

type updateFunctionCodeInput struct {
	Architectures []string
	DryRun        bool
	Publish       bool
	RevisionId    string
	source
}

// updateFunctionCode replaces the package. Architectures that are not given stay what they were: the API reference speaks of a
// default, x86_64, and means new functions.
func (s *Service) updateFunctionCode(req request, in updateFunctionCodeInput) (reply, error) {
	n, err := unqualified(req.caller, req.function)
	if err != nil {
		return reply{}, err
	}
	if _, err := architecture(in.Architectures, ""); err != nil {
		return reply{}, err
	}
	var unzipped int64
	zipped, unreadable := s.zip(req.caller.Region, in.source)
	if unreadable == nil { // outside the lock: it unpacks; AWS says it after the function's own errors
		unzipped, unreadable = checkPackage(zipped)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	answer := reply{resource: n.arn()}
	f, err := s.writable(n, in.RevisionId)
	if err != nil {
		return answer, err
	}
	if f.Latest.Settings.ImageURI != "" {
		return answer, invalidParameter("local AWS has container images as configuration alone: UpdateFunctionCode of one is not supported")
	}
	if unreadable != nil {
		return answer, unreadable
	}
	if err := checkUnzipped(unzipped, f.Latest.Settings.Layers); err != nil {
		return answer, err
	}
	if in.DryRun {
		answer.body = f.Latest.describe(f.Name, n.arn(), latest, s.now())
		return answer, nil
	}
	wanted := f.Latest.Settings
	wanted.CodeSHA256, wanted.CodeSize, wanted.Unzipped = digest(zipped), int64(len(zipped)), unzipped
	if wanted.Architecture, err = architecture(in.Architectures, wanted.Architecture); err != nil {
		return answer, err
	}
	if f, err = s.update(f, wanted); err != nil {
		return answer, err
	}
	answer = s.written(f, n)
	if in.Publish {
		var v version
		if f, v, err = s.publish(f, nil); err != nil {
			return answer, err
		}
		answer.body = s.published(n, v)
	}
	if err := s.folder.Put(packageFile(req.caller.Region, f.Name, wanted.CodeSHA256), zipped); err != nil {
		return reply{resource: n.arn()}, err
	}
	err = s.put(req.caller.Region, f)
	s.forget(n.at(latest).arn())
	return answer, err
}

type updateFunctionConfigurationInput struct {
	change
	RevisionId string
}

// updateFunctionConfiguration changes the members that are given; the environment and the layers are replaced
// each as a whole.
func (s *Service) updateFunctionConfiguration(req request, in updateFunctionConfigurationInput) (reply, error) {
	n, err := unqualified(req.caller, req.function)
	if err != nil {
		return reply{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	answer := reply{resource: n.arn()}
	f, err := s.writable(n, in.RevisionId)
	if err != nil {
		return answer, err
	}
	if err := in.change.check(); err != nil {
		return answer, err
	}
	wanted := in.change.apply(f.Latest.Settings)
	if in.Layers != nil {
		if wanted.ImageURI != "" {
			return answer, invalidParameter("Please don't provide Layers when the function PackageType is Image.")
		}
		if wanted.Layers, err = s.resolveLayers(req.caller, in.Layers, wanted.Unzipped); err != nil {
			return answer, err
		}
	}
	if f, err = s.update(f, wanted); err != nil {
		return answer, err
	}
	err = s.put(req.caller.Region, f)
	s.forget(n.at(latest).arn())
	return s.written(f, n), err
}

// writable returns the function that n names if $LATEST has settled and is of the revision that the caller expects.
func (s *Service) writable(n name, revision string) (function, error) {
	f, err := s.find(n)
	if err != nil {
		return function{}, err
	}
	now := s.now()
	if err := f.writable(now, n.arn()); err != nil {
		return function{}, err
	}
	return f, matches(revision, f.Latest.revision(now))
}

// update returns f with $LATEST changed to wanted, in progress from now on.
func (s *Service) update(f function, wanted settings) (function, error) {
	next, err := s.edition(wanted, false)
	if err != nil {
		return function{}, err
	}
	return f.replace(next), nil
}
