/** The number that styles made in the browser must carry, or the page's policy drops them. */
import { setNonce } from "get-nonce";

export const nonce = document.querySelector<HTMLMetaElement>('meta[name="style-nonce"]')?.content ?? "";

// Dialogs lock the page behind them with a style of their own, which asks this library.
setNonce(nonce);
