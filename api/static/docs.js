"use strict";
// Swagger UI on our own description; everything is served from here.
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#docs",
  deepLinking: false, // its links are inside buttons: out of reach for keyboards and screen readers
  validatorUrl: null,
  persistAuthorization: false,
});
