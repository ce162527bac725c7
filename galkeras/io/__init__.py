"""The ground floor: errors, files, processes, columns, text and figures."""
