// Without WebGL2 the server draws: a picture of how many points lie where, of the part that is in view.
const MOST_SIDE = 2_048; // pixels, as the server makes them

class DensityPicture {
  constructor(holder, failed) {
    this.holder = holder;
    this.failed = failed;
  }

  // the picture at hand stays under its part of the map while a sharper one is on its way
  move(camera) {
    if (!this.picture) return;
    const [x0, y0, x1, y1] = this.box;
    const [left, top] = camera.toPixel(x0, y1);
    const [right, bottom] = camera.toPixel(x1, y0);
    Object.assign(this.picture.style, { left: `${left}px`, top: `${top}px`, width: `${right - left}px`, height: `${bottom - top}px` });
  }

  fetch(url, camera, dark) {
    const box = camera.view();
    const shrink = Math.min(1, MOST_SIDE / Math.max(camera.width, camera.height));
    const [wide, high] = [camera.width, camera.height].map((side) => Math.max(1, Math.round(side * shrink)));
    const asked = `${url}?w=${wide}&h=${high}&dark=${dark ? 1 : 0}&x0=${box[0]}&y0=${box[1]}&x1=${box[2]}&y1=${box[3]}`;
    if (asked === this.asked) return;
    this.asked = asked;
    const picture = element("img", "map-density");
    picture.alt = "";
    picture.draggable = false;
    picture.dataset.testid = "map-density";
    picture.addEventListener("error", () => { if (asked === this.asked) { this.asked = ""; this.failed(); } });
    picture.addEventListener("load", () => {
      if (asked !== this.asked) return;
      [this.picture, this.box] = [picture, box];
      this.holder.replaceChildren(picture);
      this.move(this.camera);
    });
    this.camera = camera;
    picture.src = asked;
  }
}
