//! Several clones of one repository, merged at any time.
