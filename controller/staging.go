package controller

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"time"

	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller/internal/pack"
	"sealift.dev/sealift/controller/internal/plan"
)

// removeLimit bounds the removal of a staged package, which an apply does not wait for
// otherwise.
const removeLimit = 30 * time.Second

func base64Of(sum []byte) string { return base64.StdEncoding.EncodeToString(sum) }

// stagedKey is the key of a staged package: two different ones never meet at one.
func stagedKey(s v1alpha1.StagingBucketSpec, function, codeSHA256 string) string {
	sum, err := base64.StdEncoding.DecodeString(codeSHA256)
	if err != nil {
		sum = []byte(codeSHA256)
	}
	return s.Prefix + function + "/" + hex.EncodeToString(sum) + ".zip"
}

// send gets a package to Lambda: in the call itself, by way of the staging bucket, or, where
// it is the very object that spec.package.s3 names, from there. The function's CodeSha256 is
// compared with the package's in each case.
func (r *Reconciler) send(ctx context.Context, t Target, c plan.Configuration, pkg pack.Package) (plan.Configuration, error) {
	if at, same := t.reference(pkg.Size(), pkg.SHA256); same {
		return r.o.Writer.UpdateCodeFrom(ctx, c, at, pkg.SHA256)
	}
	staged := t.Config.Spec.Package.Staged()
	if staged == nil {
		zipped, err := pkg.Bytes()
		if err != nil {
			return plan.Configuration{}, err
		}
		return r.o.Writer.UpdateCode(ctx, c, zipped, pkg.SHA256)
	}
	at := plan.Object{Bucket: staged.Bucket, Key: stagedKey(*staged, c.Name, pkg.SHA256)}
	stagedAt, err := r.o.Objects.Stage(ctx, at, pkg.Reader(), pkg.Size(), pkg.SHA256)
	if err != nil {
		return plan.Configuration{}, err
	}
	r.o.Log.DebugContext(ctx, "package staged", "config", t.Key(), "object", stagedAt.URL())
	defer r.unstage(ctx, t, stagedAt)
	return r.o.Writer.UpdateCodeFrom(ctx, c, stagedAt, pkg.SHA256)
}

// unstage removes a staged package, also when the apply is being ended. What stays behind
// holds an encrypted bundle at most, and is left to the bucket's lifecycle rule.
func (r *Reconciler) unstage(ctx context.Context, t Target, at plan.Object) {
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeLimit)
	defer cancel()
	if err := r.o.Objects.Remove(limited, at); err != nil {
		r.o.Log.WarnContext(ctx, "staged package not removed", "config", t.Key(), "object", at.URL(), "error", err)
	}
}

// sweepStaged removes the package that an apply which was cut off has left staged, as far as
// it is remembered: one that the marker does not tell of.
func (r *Reconciler) sweepStaged(ctx context.Context, t Target, p plan.Plan) {
	staged := t.Config.Spec.Package.Staged()
	last := r.o.Uploads.Last(p.Observed.Latest.ARN)
	if staged == nil || last == nil || last.Delivery != v1alpha1.DeliveryPackage || last.CodeSHA256 == p.Observed.Marker().CodeSHA256 {
		return
	}
	r.unstage(ctx, t, plan.Object{Bucket: staged.Bucket, Key: stagedKey(*staged, p.Observed.Latest.Name, last.CodeSHA256)})
}
