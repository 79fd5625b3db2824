"""The app's door: an ASGI application; `python app.py`, `streamlit run app.py` and `curate app` all serve it."""

from curation_app.server import app

if __name__ == "__main__":
    app.run()
