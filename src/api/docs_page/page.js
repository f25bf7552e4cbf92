// Shows the document in Swagger UI. A file of its own, because the policy of the page allows no
// script inside it.
"use strict";
(() => {
  const root = document.getElementById("swagger-ui");
  // Relative to this file, and so to the prefix of the page with a slash at the end.
  const url = new URL(root.dataset.document, document.currentScript.src);
  const here = url.origin === location.origin;

  const dark = matchMedia("(prefers-color-scheme: dark)");
  const paint = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
  dark.addEventListener("change", paint);
  paint();

  SwaggerUIBundle({
    url: here ? url.pathname + url.search : url.href,
    domNode: root,
    deepLinking: true,
    showExtensions: true,
    // By default it sends the document to validator.swagger.io.
    validatorUrl: null,
  });
})();
