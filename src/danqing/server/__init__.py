"""The studio's web process: the API, the dialects that other clients speak, and the page. No torch: workers paint."""
