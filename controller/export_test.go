package controller

// GlanceAlways has the Operator glance and look in rotation however few its configs are, and
// list functions however many there are.
func (o *Operator) GlanceAlways() { o.few, o.glancer.everywhere = 0, true }
