package plan

// PrefixBaseline begins the keys of the state bucket with what a monitor remembers
// of a feed: baseline.<namespace>.<feedsource>. What its collector remembers is
// under the key of its configuration.
const PrefixBaseline = "baseline"
