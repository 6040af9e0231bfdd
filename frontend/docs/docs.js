// Shows the OpenAPI document of the server in Swagger UI, without the badge that a service on the internet would serve.
SwaggerUIBundle({ dom_id: "#docs", url: "/openapi.json", deepLinking: true, validatorUrl: null });
