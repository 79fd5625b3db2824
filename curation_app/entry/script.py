"""What Streamlit runs. It stands in a folder of its own: pages beside the script would be served without the shell."""

from curation_app.shell import main

main()
