// Points on a WebGL2 canvas. Buffers are made once; positions come in pieces, codes and flags are swapped whole.
const ROW = 256; // palette texels in a row

class Painter {
  static open(canvas, n) {
    const gl = canvas.getContext("webgl2", { alpha: true, antialias: false, depth: false, stencil: false, premultipliedAlpha: true, powerPreference: "high-performance" });
    return gl ? new Painter(gl, n) : null;
  }

  constructor(gl, n) {
    this.gl = gl;
    this.n = n;
    this.program = this.linked();
    this.at = new Proxy({}, { get: (known, name) => (known[name] ??= gl.getUniformLocation(this.program, name)) });
    this.buffers = [4, 1, 1].map((size, location) => this.buffer(location, size * n));
    this.buffers.push(null); // of sizes: made when there are any
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers[0]);
    gl.enableVertexAttribArray(0);
    gl.vertexAttribPointer(0, 2, gl.UNSIGNED_SHORT, true, 4, 0);
    gl.vertexAttribI4ui(1, 0, 0, 0, 0);
    gl.vertexAttribI4ui(2, 0, 0, 0, 0);
    gl.vertexAttribI4ui(3, 0, 0, 0, 0);
    this.texture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, this.texture);
    for (const side of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, side, gl.NEAREST);
    gl.useProgram(this.program);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    this.coloured = this.sized = false;
    this.sync = null;
  }

  linked() {
    const { gl } = this;
    const program = gl.createProgram();
    for (const [kind, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, text);
      gl.compileShader(shader);
      if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS) && !gl.isContextLost()) throw new Error(gl.getShaderInfoLog(shader));
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    return program;
  }

  buffer(location, size) {
    const { gl } = this;
    const made = gl.createBuffer();
    if (location > 0) return made; // codes and flags get their bytes when they come
    gl.bindBuffer(gl.ARRAY_BUFFER, made);
    gl.bufferData(gl.ARRAY_BUFFER, size, gl.STATIC_DRAW);
    return made;
  }

  place(positions, from, to) {
    const { gl } = this;
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers[0]);
    gl.bufferSubData(gl.ARRAY_BUFFER, from * 4, positions, from * 2, (to - from) * 2);
  }

  // codes: Uint8Array or Uint16Array, one a point; null: all grey
  codes(codes) {
    this.coloured = codes !== null;
    this.attribute(1, codes);
  }

  flags(flags) { this.attribute(2, flags); }

  // sizes: Uint8Array, one a point; null: all are equally large, and the buffer is gone
  sizes(sizes) {
    const { gl } = this;
    this.sized = sizes !== null;
    if (sizes) this.buffers[3] ??= gl.createBuffer();
    this.attribute(3, sizes);
    if (sizes) return;
    if (this.buffers[3]) gl.deleteBuffer(this.buffers[3]);
    this.buffers[3] = null;
  }

  attribute(location, values) {
    const { gl } = this;
    if (!values) { gl.disableVertexAttribArray(location); return; }
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers[location]);
    gl.bufferData(gl.ARRAY_BUFFER, values, gl.STATIC_DRAW);
    gl.enableVertexAttribArray(location);
    gl.vertexAttribIPointer(location, 1, values.BYTES_PER_ELEMENT === 2 ? gl.UNSIGNED_SHORT : gl.UNSIGNED_BYTE, 0, 0);
  }

  palette(colours, hidden) {
    const { gl } = this;
    const rows = Math.max(1, Math.ceil(colours.length / ROW));
    const texels = new Uint8Array(rows * ROW * 4);
    colours.forEach((colour, code) => {
      const rgb = parseInt(colour.slice(1, 7), 16);
      texels.set([rgb >> 16, (rgb >> 8) & 255, rgb & 255, hidden.has(code) ? 0 : 255], code * 4);
    });
    gl.bindTexture(gl.TEXTURE_2D, this.texture);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, ROW, rows, 0, gl.RGBA, gl.UNSIGNED_BYTE, texels);
  }

  // look: clip, sizes, alphas (see the shader), selecting, drawing, theme colours; two passes, context below
  draw(points, look) {
    const { gl, at } = this;
    const { canvas } = gl;
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.uniform4fv(at.view, look.clip);
    gl.uniform4fv(at.sizes, look.sizes);
    gl.uniform4fv(at.alphas, look.alphas);
    gl.uniform1f(at.dot_size, look.ratio);
    for (const name of ["grey", "ink", "dropped", "kept"]) gl.uniform3fv(at[name], look.theme[name]);
    gl.uniform1i(at.coloured, this.coloured);
    gl.uniform1i(at.sized, this.sized);
    gl.uniform1i(at.selecting, look.selecting);
    gl.uniform1i(at.drawing, look.drawing);
    for (const behind of look.context ? [1, 0] : [0]) {
      gl.uniform1i(at.behind, behind);
      gl.drawArrays(gl.POINTS, 0, points);
    }
    if (this.sync) gl.deleteSync(this.sync);
    this.sync = gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0);
    gl.flush();
  }

  // whether the graphics card still works on the last frame; frames are never piled up
  get busy() {
    const { gl } = this;
    return this.sync !== null && !gl.isContextLost() && gl.getSyncParameter(this.sync, gl.SYNC_STATUS) !== gl.SIGNALED;
  }

  close() { this.gl.getExtension("WEBGL_lose_context")?.loseContext(); }
}
