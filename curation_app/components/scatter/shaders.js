// A point's colour comes from a palette texture by its code; alpha 0 there hides a class. Flags: see KINDS.
const SMALLEST = 0.6, LARGEST = 2.2; // of the size that fits how close points lie, where a column says how large each is
const VERTEX = `#version 300 es
precision highp float; precision highp int; precision highp sampler2D;
layout(location = 0) in vec2 place;
layout(location = 1) in uint code;
layout(location = 2) in uint flags;
layout(location = 3) in uint bulk;
uniform vec4 view;
uniform sampler2D palette;
uniform bool coloured, sized, selecting, drawing, behind;
uniform vec3 grey, ink, dropped, kept;
uniform vec4 sizes, alphas; // of a point, of a selected one, of context, of what does not match
uniform float dot_size; // pixels of the screen in a pixel of the page
flat out vec4 tint;
flat out vec4 edge;
flat out float width;
flat out int shape;
void main() {
  bool chosen = (flags & 1u) != 0u, ghost = (flags & 2u) != 0u, away = (flags & 4u) != 0u;
  vec4 colour = coloured ? texelFetch(palette, ivec2(int(code & 255u), int(code >> 8u)), 0) : vec4(grey, 1.0);
  gl_Position = vec4(2.0, 2.0, 2.0, 1.0); // outside, until it is this pass's point
  gl_PointSize = 1.0;
  if (behind != (ghost || (selecting && !chosen)) || colour.a == 0.0) return;
  int kind = ghost ? 3 : behind ? 2 : selecting ? 1 : 0;
  float size = sizes[kind], alpha = alphas[kind];
  if (sized) size *= mix(${SMALLEST.toFixed(1)}, ${LARGEST.toFixed(1)}, float(bulk) / 255.0);
  vec3 rgb = kind == 3 ? grey : kind == 2 ? mix(colour.rgb, grey, 0.6) : colour.rgb;
  bool taken = (flags & 8u) != 0u, stays = (flags & 16u) != 0u;
  shape = 0;
  if (kind < 3 && away) { rgb = mix(rgb, dropped, 0.8); alpha *= 0.7; }
  else if (kind < 2 && drawing && !taken) alpha *= 0.62;
  else if (kind < 2 && drawing) alpha = min(1.0, alpha * 1.5);
  if (kind < 2 && size >= 4.5) {
    shape = away ? 1 : stays ? 2 : taken ? 3 : 0;
    edge = stays ? vec4(kept, 1.0) : vec4(ink, 0.85);
    if (shape > 0) { size += shape == 2 ? 4.0 : 2.0; alpha = max(alpha, 0.85); }
  }
  width = max(1.0, size * dot_size);
  tint = vec4(rgb, alpha);
  gl_PointSize = width;
  gl_Position = vec4(place * view.xy + view.zw, 0.0, 1.0);
}`;

const FRAGMENT = `#version 300 es
precision highp float;
flat in vec4 tint;
flat in vec4 edge;
flat in float width;
flat in int shape;
uniform float dot_size;
out vec4 result;
void main() {
  vec2 at = (gl_PointCoord * 2.0 - 1.0) * width * 0.5;
  float inside = width < 3.0 ? 1.0 : clamp(width * 0.5 - length(at) + 0.25, 0.0, 1.0);
  vec3 rgb = tint.rgb;
  if (shape == 1) { // a cross
    float off = min(abs(at.x - at.y), abs(at.x + at.y)) * 0.7071;
    inside *= clamp(0.9 * dot_size - off + 0.5, 0.0, 1.0);
  } else if (shape == 2) { // a dot in a ring
    float from = width * 0.5 - length(at);
    float band = clamp(from + 0.5, 0.0, 1.0) * clamp(1.8 * dot_size - from, 0.0, 1.0);
    float core = clamp(from - 2.6 * dot_size, 0.0, 1.0);
    inside = max(band, core);
    rgb = mix(tint.rgb, edge.rgb, band);
  } else if (shape == 3) { // a dot with an outline
    float from = width * 0.5 - length(at);
    rgb = mix(tint.rgb, edge.rgb, edge.a * clamp(1.2 * dot_size - from + 0.2, 0.0, 1.0));
  }
  float alpha = tint.a * inside;
  result = vec4(rgb * alpha, alpha);
}`;
