"""Our own browser components: hand-written ES modules, mounted through Streamlit's components v2."""
