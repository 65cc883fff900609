// The camera, cut to a square with a ring for the lesion: what the square shows is what the model is given.

export async function openCamera(video) {
  closeCamera(video); // it may be open already
  video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1920 }, height: { ideal: 1080 } } });
  await video.play();
}

export function closeCamera(video) {
  for (const track of video.srcObject?.getTracks() ?? []) track.stop();
  video.srcObject = null;
}

// The square in the middle of the video, as the page shows it (object-fit: cover).
export function takeSquare(video) {
  const side = Math.min(video.videoWidth, video.videoHeight), canvas = new OffscreenCanvas(side, side);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(video, (video.videoWidth - side) / 2, (video.videoHeight - side) / 2, side, side, 0, 0, side, side);
  return context.getImageData(0, 0, side, side);
}
