package sts

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"sealift.dev/sealift/controller/internal/localaws/wire"
)

type assumeRoleResponse struct {
	XMLName          xml.Name    `xml:"https://sts.amazonaws.com/doc/2011-06-15/ AssumeRoleResponse"`
	Result           assumedRole `xml:"AssumeRoleResult"`
	ResponseMetadata metadata
}

type assumedRole struct {
	AssumedRoleUser struct{ Arn, AssumedRoleId string }
	Credentials     struct{ AccessKeyId, SecretAccessKey, SessionToken, Expiration string }
}

// Limits and forms of https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html.
const (
	minDuration     = 900
	defaultDuration = 3600
	maxDuration     = 43_200
	maxChained      = 3600
	maxExternalID   = 1224
)

var (
	roleARN     = regexp.MustCompile(`^arn:(aws[a-z-]*):iam::([0-9]{12}):role/([\x21-\x7e]{1,511}/)?([\w+=,.@-]{1,64})$`)
	sessionName = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
	externalID  = regexp.MustCompile(`^[\w+=,.@:/-]{2,}$`)
)

// parameters are those of AssumeRole that local AWS has.
var parameters = []string{"Action", "Version", "RoleArn", "RoleSessionName", "ExternalId", "DurationSeconds"}

func validation(format string, args ...any) *wire.Error {
	return wire.Errorf(http.StatusBadRequest, "ValidationError", format, args...)
}

// assumeRole gives out credentials of a role.
func (s *Service) assumeRole(form url.Values, caller wire.Caller) (assumedRole, error) {
	for name := range form {
		if !slices.Contains(parameters, name) {
			return assumedRole{}, validation("local AWS does not have the parameter %s of AssumeRole", name)
		}
	}
	role, session := form.Get("RoleArn"), form.Get("RoleSessionName")
	parts := roleARN.FindStringSubmatch(role)
	if len(role) < 20 || len(role) > 2048 || parts == nil {
		return assumedRole{}, validation("%s is invalid", role)
	}
	if !sessionName.MatchString(session) {
		return assumedRole{}, validation(`1 validation error detected: Value '%s' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]* and have length between 2 and 64`, session)
	}
	if id := form.Get("ExternalId"); form.Has("ExternalId") && (len(id) > maxExternalID || !externalID.MatchString(id)) {
		return assumedRole{}, validation(`1 validation error detected: Value at 'externalId' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@:\/-]* and have length between 2 and 1224`)
	}
	seconds, err := duration(form.Get("DurationSeconds"), caller)
	if err != nil {
		return assumedRole{}, err
	}
	if parts[1] != wire.Partition(caller.Region) { // no identity reaches into another partition
		return assumedRole{}, wire.Errorf(http.StatusForbidden, "AccessDenied", "User: %s is not authorized to perform: sts:AssumeRole on resource: %s", identityOf(caller).Arn, role)
	}
	principal := "arn:" + parts[1] + ":sts::" + parts[2] + ":assumed-role/" + parts[4] + "/" + session
	return s.issue(principal, s.Now().Add(time.Duration(seconds)*time.Second))
}

// duration reads DurationSeconds. Who is a role already gets an hour at most.
func duration(given string, caller wire.Caller) (int, *wire.Error) {
	if given == "" {
		return defaultDuration, nil
	}
	seconds, err := strconv.Atoi(given)
	switch {
	case err != nil || seconds < minDuration || seconds > maxDuration:
		return 0, validation("1 validation error detected: Value '%s' at 'durationSeconds' failed to satisfy constraint: Member must have value between %d and %d", given, minDuration, maxDuration)
	case caller.Principal != "" && seconds > maxChained:
		return 0, validation("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining")
	}
	return seconds, nil
}

// issue makes the credentials of a session.
func (s *Service) issue(principal string, until time.Time) (assumedRole, error) {
	random := make([]byte, 40)
	if _, err := io.ReadFull(s.Random, random); err != nil {
		return assumedRole{}, fmt.Errorf("draw an access key: %w", err)
	}
	text := base32.StdEncoding.EncodeToString(random) // 64 characters
	_, session, _ := strings.Cut(principal, "/")
	_, session, _ = strings.Cut(session, "/")
	var out assumedRole
	out.AssumedRoleUser.Arn, out.AssumedRoleUser.AssumedRoleId = principal, roleID(strings.TrimSuffix(principal, session))+":"+session
	out.Credentials.AccessKeyId, out.Credentials.SecretAccessKey = "ASIA"+text[:16], text[16:56]
	out.Credentials.SessionToken = Session{AccessKey: out.Credentials.AccessKeyId, Principal: principal, Until: until.Unix()}.token(s.Token)
	out.Credentials.Expiration = until.UTC().Format(time.RFC3339)
	return out, nil
}

// roleID is the unique id of a role: always the same for one.
func roleID(role string) string {
	sum := sha256.Sum256([]byte(role))
	return "AROA" + base32.StdEncoding.EncodeToString(sum[:])[:17]
}
