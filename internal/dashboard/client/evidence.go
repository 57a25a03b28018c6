// SPDX-License-Identifier: Apache-2.0

package client

import "slices"

// Evidence are the files that show a Defect.
type Evidence struct {
	Files []struct {
		Name   string `json:"name"`
		Bytes  int64  `json:"bytes"`
		SHA256 string `json:"sha256"`
	} `json:"files"`
	Links []struct {
		Name string `json:"name"`
		URL  string `json:"url"`
	} `json:"links"`
	More int `json:"more"`
}

// EvidenceStatus is what became of the files.
type EvidenceStatus struct {
	Message     string              `json:"message"`
	ClipMessage string              `json:"clipMessage"`
	Files       []EvidenceFileState `json:"files"`
}

// EvidenceFileState is what became of one file.
type EvidenceFileState struct {
	Name    string `json:"name"`
	SHA256  string `json:"sha256"`
	State   string `json:"state"`
	URL     string `json:"url"`
	Message string `json:"message"`
}

// EvidenceFile is a file as the page of its Defect shows it. Its state is Waiting while nothing became of it.
type EvidenceFile struct {
	EvidenceFileState
	Bytes int64
}

// Files returns the files of a Defect. Those that are attached lead to the attachment, or else to the ticket.
func (d Defect) Files() []EvidenceFile {
	if d.Spec.Evidence == nil {
		return nil
	}
	var out []EvidenceFile
	for _, f := range d.Spec.Evidence.Files {
		file := EvidenceFile{EvidenceFileState{Name: f.Name, State: "Waiting"}, f.Bytes}
		if s := d.Status.Evidence; s != nil {
			isIt := func(s EvidenceFileState) bool { return s.Name == f.Name && s.SHA256 == f.SHA256 }
			if at := slices.IndexFunc(s.Files, isIt); at >= 0 {
				file.EvidenceFileState = s.Files[at]
			}
		}
		if file.State == "Attached" && file.URL == "" && d.HasTicket() {
			file.URL = d.Status.Jira.URL
		}
		out = append(out, file)
	}
	return out
}
