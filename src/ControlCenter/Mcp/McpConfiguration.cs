using System.Text.Json;

namespace ControlCenter.Mcp;

/// <summary>What an MCP client is told to find this host.</summary>
internal static class McpConfiguration
{
    private static readonly JsonSerializerOptions Readable = new() { WriteIndented = true };

    /// <summary>A <c>.mcp.json</c>, as Claude Code and others read it. The key stays out of the file: it is taken from the environment.</summary>
    public static string For(Uri host) => JsonSerializer.Serialize(
        new
        {
            mcpServers = new Dictionary<string, object>
            {
                ["control-center"] = new
                {
                    type = "http",
                    url = new Uri(host, McpEndpoint.Path).ToString(),
                    headers = new { Authorization = "Bearer ${CC_AGENT_KEY}" },
                },
            },
        },
        Readable);
}
