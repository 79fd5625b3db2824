"""The Streamlit app on top of curation_core: everything that imports Streamlit lives here and in pages/."""
