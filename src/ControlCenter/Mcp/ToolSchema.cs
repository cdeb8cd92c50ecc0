using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Schema;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Mcp;

/// <summary>What a tool takes, as JSON Schema: made of the request record that its arguments become, so that the two cannot differ.</summary>
internal static class ToolSchema
{
    private static readonly JsonSchemaExporterOptions Options = new() { TreatNullObliviousAsNonNullable = true };

    /// <summary>Makes it.</summary>
    /// <param name="request">The record.</param>
    /// <param name="id">An argument that is no field of it.</param>
    /// <param name="meanings">What each argument means: every one has to be told.</param>
    public static JsonElement Of(Type request, string? id, IReadOnlyDictionary<string, string> meanings)
    {
        var schema = WireJson.Options.GetJsonSchemaAsNode(request, Options).AsObject();
        var fields = schema["properties"]?.AsObject() ?? [];
        schema["properties"] = fields;
        NameWords(request, fields);
        if (id is not null)
        {
            fields.Insert(0, id, new JsonObject { ["type"] = "string", ["format"] = "uuid" });
            var required = schema["required"]?.AsArray() ?? [];
            required.Insert(0, id);
            schema["required"] = required;
        }

        foreach (var extra in meanings.Keys.Where(name => !fields.ContainsKey(name)).ToList())
        {
            fields.Add(extra, new JsonObject { ["type"] = new JsonArray("string", "null") });
        }

        foreach (var (name, field) in fields.ToList())
        {
            var described = field as JsonObject ?? [];
            described["description"] = meanings[name];
            if (field is not JsonObject)
            {
                // Any JSON at all: "true" as a schema, which has no place for words.
                fields[name] = described;
            }
        }

        return JsonSerializer.SerializeToElement(schema);
    }

    // The words of our enumerations, which the exporter cannot see behind their converter.
    private static void NameWords(Type request, JsonObject fields)
    {
        foreach (var property in WireJson.Options.GetTypeInfo(request).Properties)
        {
            var type = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
            if (!type.IsEnum)
            {
                continue;
            }

            var words = new JsonArray([.. Enum.GetValues(type).Cast<object>().Select(value => JsonSerializer.SerializeToNode(value, type, WireJson.Options))]);
            if (type != property.PropertyType)
            {
                words.Add(null);
            }

            fields[property.Name] = new JsonObject { ["enum"] = words };
        }
    }
}
