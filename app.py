"""The app's door: `streamlit run app.py`, `python app.py`, or any ASGI server with `app:app`.

Streamlit finds the application by reading this file, not by importing it, so it has to be made right here.
"""

import streamlit as st

from curation_app.boundary import show_error
from curation_app.routes import routes
from curation_app.server import SCRIPT

app = st.App(SCRIPT, routes=routes(), on_script_error=show_error)

if __name__ == "__main__":
    app.run()
