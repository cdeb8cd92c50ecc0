using ControlCenter.Domain.Problems;
using ControlCenter.Hosting;
using ControlCenter.Runtime.Commands;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace ControlCenter.Bus;

/// <summary>What <c>/openapi/v1.json</c> says beyond the routes: who may call, and every problem there is.</summary>
internal static class OpenApiDescription
{
    public static void Configure(OpenApiOptions options) => options.AddSchemaTransformer((schema, context, _) =>
    {
        if (context.JsonTypeInfo.Type == typeof(TextChange))
        {
            schema.Type = JsonSchemaType.String | JsonSchemaType.Null;
        }

        return Task.CompletedTask;
    }).AddDocumentTransformer((document, _, _) =>
    {
        document.Info = new OpenApiInfo
        {
            Title = "Control Center: the control bus",
            Version = HostVersion.Current,
            Description = "Problems: " + string.Join("; ", ProblemTypes.All.Select(p => $"`{p.Key}` {p.Value.Status} {p.Value.Title}")) + ".",
        };
        document.Components ??= new OpenApiComponents();
        document.Components.SecuritySchemes ??= new Dictionary<string, IOpenApiSecurityScheme>(StringComparer.Ordinal);
        document.Components.SecuritySchemes["key"] = new OpenApiSecurityScheme { Type = SecuritySchemeType.Http, Scheme = "bearer" };
        document.Security = [new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference("key", document)] = [] }];
        return Task.CompletedTask;
    });
}
