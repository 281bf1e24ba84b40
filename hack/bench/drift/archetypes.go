package main

// fd is a feed with so many records.
func fd(name string, size int, fields string, change ...func(*feed)) feed {
	f := feed{name: name, size: size, fields: parseFields(fields)}
	for _, c := range change {
		c(&f)
	}
	return f
}

// tuning marks a feed as one that may be looked at while the checks are made.
func tuning(f *feed) { f.tune = true }

func churn(share float64) func(*feed) { return func(f *feed) { f.churn = share } }

func styled(s style) func(*feed) { return func(f *feed) { f.style = s } }

func filed(name string) func(*feed) { return func(f *feed) { f.file = name } }

var (
	plainCSV  = style{form: "csv", delim: ",", header: "first", comment: "#", preamble: []string{"# Generated for example.org, terms of use apply"}}
	noComment = style{form: "csv", delim: ",", header: "first"}
	quotedCSV = style{form: "csv", delim: ",", header: "first", comment: "#", quoteAll: true, footer: []string{"# END"}}
	bareCSV   = style{form: "csv", delim: ",", header: "none", comment: "#"}
	bareOnly  = style{form: "csv", delim: ",", header: "none"}
	commented = style{form: "csv", delim: ",", header: "commented", comment: "#", preamble: []string{"# Malicious entries", "#"}}
	piped     = style{form: "csv", delim: "|", header: "none", comment: "#", noQuote: true, pad: true, preamble: []string{"# signals, one a line", "# addr and service"}}
	tabbed    = style{form: "csv", delim: "\t", header: "first", comment: "#", noQuote: true}
	tabbedRaw = style{form: "csv", delim: "\t", header: "none", comment: "#", noQuote: true}
	lines     = style{form: "lines", comment: "#", preamble: []string{"# list of example.org"}}
	linesRaw  = style{form: "lines"}
	networks  = style{form: "cidr", comment: ";", preamble: []string{"; DROP of example.org"}, footer: []string{"; EOF"}}
	hosts     = style{form: "hosts", comment: "#", preamble: []string{"# hosts of example.org"}}
	ndjson    = style{form: "ndjson"}
	data      = style{form: "json", envelope: "data"}
	rooted    = style{form: "json"}
	results   = style{form: "json", envelope: "response.results"}
	xmlFeed   = style{form: "xml", root: "entries", record: "entry"}
	xmlLog    = style{form: "xml", root: "report", record: "host"}
	page      = style{form: "html"}
	stix      = style{form: "stix"}
	mailed    = style{form: "csv", delim: ",", header: "first", report: "optional", quoteAll: true}
	mailedReq = style{form: "csv", delim: ",", header: "first", report: "required"}
)

var archetypes = []archetype{
	{"csv", plainCSV, []feed{
		fd("c2", 40, "first_seen_utc=first:space >time; dst_ip=ip >ip!; dst_port=port >dport; c2_status=enum:online,offline >extra.c2_status; last_online=last:date ?0.1 >last_seen; malware=family >name", styled(quotedCSV)),
		fd("urls", 1500, "id=seq; dateadded=first:space >time; url=url >url!; url_status=enum:offline,online,unknown >extra.url_status; threat=enum:malware_download,phish >category map=malware_download:malurl|phish:phish; tags=list:tag sep=, ?0.1 >extra.tags; urlhaus_link=link:url; reporter=user", churn(0.05)),
		fd("scanner", 12, "timestamp=first:iso >time; src_ip=ip >ip!; src_asn=asn >asn; src_geo=cc >cc; proto=enum:tcp,udp >proto; port=port >dport; count=bytes", styled(noComment)),
		fd("hashes", 200, "first_seen_utc=first:space >time; sha256_hash=sha256 >sha256!; md5_hash=md5 >md5; reporter=user; file_name=text; signature=family ?0.2 >name; vtpercent=float ?0.3", tuning),
	}},
	{"csv-bare", bareCSV, []feed{
		fd("bots", 150, "time=first:epoch >time; ip=ip >ip!; asn=asn >asn; cc=cc >cc; port=port >dport; family=family >name; note=text"),
		fd("iplist", 9, "ip=ip >ip!; seen=last:space >time; attacks=bytes >extra.attacks; country=cc >cc", styled(bareOnly)),
		fd("dga", 3000, "domain=fqdn >fqdn!; family=family >name; start=first:space >time; until=last:space >until; ref=link:dga", churn(0.3)),
		fd("ja3", 80, "md5=md5 >md5!; first=first:space >time; last=last:space >last_seen; reason=family >name", tuning),
	}},
	{"csv-comment", commented, []feed{
		fd("ssl", 120, "Listingdate=first:space >time; SHA1=sha1 >x509fp_sha1!; Listingreason=family >name"),
		fd("turris", 600, "Address=ip >ip!; Country=cc ?0.02 >cc; Tags=list:service sep=semicolon >extra.tags; ASN=asn ?0.02 >asn", churn(0.25)),
		fd("conn", 14, "ts=first:epoch >time; host=ip >ip!; dport=port >dport; proto=enum:tcp,udp >proto; bytes=bytes; family=family ?0.1 >name"),
		fd("payloads", 90, "firstseen=first:space >time; url=url >url!; filetype=enum:exe,elf,doc,zip; md5=md5 >md5; sha256=sha256 >sha256; signature=family ?0.4 >name", tuning),
	}},
	{"pipe", piped, []feed{
		fd("ssh", 800, "asn=asn >asn; asname=asname; ipaddr=ip >ip!; lastseen=last:space >time; category=service >name", churn(0.2)),
		fd("vnc", 16, "asn=asn >asn; asname=asname; ipaddr=ip >ip!; lastseen=last:space >time; category=service >name"),
		fd("cap", 130, "category=enum:bot,scanner,proxy,spam >extra.kind; ip=ip >ip!; asn=asn >asn; seen=first:space >time; detail=text >extra.detail; org=asname"),
		fd("dns", 100, "ip=ip >ip!; rdns=fqdn ?0.2 >extra.rdns; time=last:iso >time; kind=service >name", tuning),
	}},
	{"tsv", tabbed, []feed{
		fd("flows", 400, "date=first:date >time; source=ip >ip!; target=ip >dip; attack=service >name; packets=bytes >extra.packets; sensor=user", churn(0.6)),
		fd("top", 20, "start=ip >ip!; end=ip; bits=const:24; attacks=bytes >extra.attacks; name=asname; country=cc >cc; contact=email", styled(tabbedRaw)),
		fd("weekly", 11, "address=ip >ip!; seen=last:iso >time; hits=bytes >count; port=port >dport"),
		fd("mal", 60, "hash=sha256 >sha256!; added=first:iso >time; family=family >name; size=bytes", tuning),
	}},
	{"list", lines, []feed{
		fd("ip", 2500, "line=ip >ip!", churn(0.05)),
		fd("url", 300, "line=url >url!", styled(linesRaw), churn(0.2)),
		fd("domain", 15, "line=fqdn >fqdn!"),
		fd("ip-small", 60, "line=ip >ip!", styled(linesRaw), tuning),
	}},
	{"cidr", networks, []feed{
		fd("drop", 900, "network=cidr >extra.network!; ref=ref >extra.sbl", churn(0.01)),
		fd("edrop", 18, "network=cidr >extra.network!; ref=ref >extra.sbl", churn(0.03)),
		fd("bogons", 70, "network=cidr >extra.network!; ref=ref >extra.ref", churn(0.02)),
		fd("nets", 45, "network=cidr >extra.network!; ref=ref >extra.ref", tuning),
	}},
	{"hosts", hosts, []feed{
		fd("ads", 4000, "ip=const:0.0.0.0; host=fqdn >fqdn!", churn(0.01)),
		fd("phish", 130, "ip=const:127.0.0.1; host=fqdn >fqdn!", churn(0.1)),
		fd("coin", 17, "ip=const:0.0.0.0; host=fqdn >fqdn!"),
		fd("malware", 50, "ip=const:0.0.0.0; host=fqdn >fqdn!", tuning),
	}},
	{"ndjson", ndjson, []feed{
		fd("events", 500, "ts=first:iso >time; src_ip=ip >ip!; dst_port=port >dport type=int; proto=enum:tcp,udp >proto; family=family ?0.3 >name; tags=list:tag type=list >extra.tags; sensor=user", churn(1)),
		fd("drop", 60, "cidr=cidr >extra.network!; sblid=ref >extra.sbl; rir=enum:ripencc,arin,apnic,lacnic", churn(0.01)),
		fd("cred", 13, "time=first:epoch >time type=int; username=email >email!; source.ip=ip >ip; source.asn=asn >asn type=int; verified=bool type=bool"),
		fd("certs", 150, "seen=last:iso >time; domain=fqdn >fqdn!; issuer=enum:R3,E1,WE1,Sectigo >extra.issuer; sha1=sha1 >x509fp_sha1; score=score type=int >extra.score", tuning),
	}},
	{"json", data, []feed{
		fd("kev", 700, "cveID=cve >cves!; vendorProject=enum:Acme,Globex,Initech,Hooli >target; dateAdded=first:date >time; shortDescription=text >extra.description; knownRansomwareCampaignUse=enum:Unknown,Known >extra.ransomware; dueDate=last:date", churn(0.01)),
		fd("phish", 90, "phish_id=seq type=int; url=url >url!; submission_time=first:offset >time; verified=enum:yes,no; online=enum:yes,no >extra.online; target=brand >target", styled(rooted), churn(0.3)),
		fd("c2", 8, "ip_address=ip >ip!; port=port type=int >dport; status=enum:online,offline; hostname=fqdn ?0.4 >extra.hostname; as_number=asn type=int >asn; country=cc >cc; first_seen=first:space >time; last_online=last:date >last_seen; malware=family >name", styled(rooted)),
		fd("iocs", 250, "id=seq; ioc=ipport >extra.ioc!; threat_type=enum:botnet_cc,payload_delivery >category map=botnet_cc:cnc|payload_delivery:malurl; malware=family >name; confidence_level=score type=int >extra.confidence; first_seen=first:utc >time; reporter=user", tuning),
	}},
	{"json-nested", results, []feed{
		fd("cti", 120, "id=uuid; meta.created=first:iso >time; meta.sensor=user; indicator.type=enum:ipv4,ipv6; indicator.value=ip >ip!; network.asn.number=asn type=int >asn; network.asn.name=asname; network.cc=cc >cc; labels=list:tag type=list >extra.labels", churn(0.4)),
		fd("vuln", 350, "cve.id=cve >cves!; cve.published=first:iso >time; cve.score=float type=float >extra.cvss; cve.description.text=text >extra.description; vendor.name=brand >target; refs=list:link type=list", churn(0.1)),
		fd("abuse", 10, "report.time=first:epoch type=int >time; report.reporter=user; attacker.address=ip >ip!; attacker.port=port type=int >sport; victim.service=service >name; evidence.url=url ?0.3 >url"),
		fd("scan", 80, "data.host.ip=ip >ip!; data.host.name=fqdn ?0.5 >extra.rdns; data.port=port type=int >dport; data.time=last:iso >time; data.vulns=list:cve type=list ?0.5 >cves", tuning),
	}},
	{"xml", xmlFeed, []feed{
		fd("virus", 300, "id=seq; date=first:epoch >time; md5=md5 >md5; ip=ip >ip!; url=url >url; virusname=family ?0.2 >name; asn=asn >asn; country=cc >cc", churn(0.2)),
		fd("scan", 50, "@addr=ip >ip!; @seen=last:iso >time; port.number=port >dport; port.proto=enum:tcp,udp >proto; os=enum:linux,windows,other", styled(xmlLog)),
		fd("incident", 12, "time=first:iso >time; source.ip=ip >ip!; source.asn=asn >asn; type=service >name; contact=email"),
		fd("phish", 70, "added=first:space >time; url=url >url!; target=brand >target; status=enum:up,down >extra.status", tuning),
	}},
	{"html", page, []feed{
		fd("samples", 40, "Date=first:space >time; URL=url >url!; IP=ip >ip; MD5=md5 >md5; Tools=user", churn(0.3)),
		fd("browse", 250, "Firstseen=first:space >time; Host=ip >ip!; Malware=family >name; Status=enum:Online,Offline >extra.status; Network=asname; Country=cc >cc", churn(0.1)),
		fd("mirror", 14, "Added=first:iso >time; Domain=fqdn >fqdn!; Attacker=user; Country=cc >extra.cc; Mirror=link:m"),
		fd("panel", 60, "ID=seq; Family=family >name; Panel=url >url!; Address=ip >ip; Seen=last:date >time", tuning),
	}},
	{"mail", mailed, []feed{
		fd("report", 200, "timestamp=first:space >time; ip=ip >ip!; port=port >dport; protocol=enum:tcp,udp >proto; hostname=fqdn ?0.3 >extra.hostname; tag=service >name; asn=asn >asn; geo=cc >cc; region=enum:NORTH,SOUTH ?0.2; city=enum:ZURICH,LYON ?0.2; severity=enum:high,medium,low >extra.severity", churn(0.5), filed("2006-01-02-scan_rdp-example.csv")),
		fd("sinkhole", 15, "timestamp=first:space >time; src_ip=ip >ip!; src_port=port >sport; dst_ip=ip >dip; dst_port=port >dport; family=family >name; infection=family", churn(1), styled(mailedReq), filed("2006-01-02-sinkhole-example.csv")),
		fd("leak", 900, "seen=first:iso >time; email=email >email!; source=enum:paste,forum,stealer >name; domain=fqdn >extra.domain; breach=enum:alpha,beta", churn(0.7), filed("2006-01-02-leaks-example.csv")),
		fd("dns", 90, "timestamp=first:space >time; ip=ip >ip!; port=port >dport; hostname=fqdn ?0.3; min_amplification=float >extra.amplification; asn=asn >asn", tuning, filed("2006-01-02-scan_dns-example.csv")),
	}},
	{"stix", stix, []feed{
		fd("ips", 100, "id=uuid >id; created=first:iso >created; modified=last:iso >modified; name=family >name; pattern=ip >ip!; valid_from=first:iso >time; labels=list:tag type=list >labels; confidence=score type=int >confidence", churn(0.2)),
		fd("domains", 400, "id=uuid >id; created=first:iso >created; modified=last:iso >modified; name=family >name; description=text >description; pattern=fqdn >fqdn!; valid_from=first:iso >time; labels=list:tag type=list >labels"),
		fd("hashes", 12, "id=uuid >id; created=first:iso >created; modified=last:iso >modified; name=family >name; pattern=sha256 >sha256!; valid_from=first:iso >time"),
		fd("urls", 60, "id=uuid >id; created=first:iso >created; modified=last:iso >modified; name=family >name; pattern=url >url!; valid_from=first:iso >time; confidence=score type=int", tuning),
	}},
}
