using System.Diagnostics;

namespace ControlCenter.E2E;

/// <summary>A published command-line program from the npm registry, run in an empty home.</summary>
internal static class NodeProgram
{
    private static readonly string[] ClientsOwn = ["ANTHROPIC", "OPENAI", "CLAUDE", "MCP"];

    /// <summary>Where it is.</summary>
    public static string PathOf(string folder, string command)
    {
        var packages = Path.Combine(Checkout.Root, "e2e", folder);
        var path = Path.Combine(packages, "node_modules", ".bin", command);
        File.Exists(path).ShouldBeTrue($"Its packages are not there: run npm ci in {packages}, as ./test does.");
        return path;
    }

    /// <summary>Runs it to its end; returns all that it said.</summary>
    /// <param name="folder">The folder under <c>e2e</c> that its packages are installed in.</param>
    /// <param name="command">Its name.</param>
    /// <param name="arguments">What it is told.</param>
    /// <param name="home">Its home and working folder.</param>
    /// <param name="environment">What is set beside the environment of the tests, less what such clients look for.</param>
    /// <param name="stop">Ends it.</param>
    public static async Task<string> RunAsync(
        string folder, string command, IEnumerable<string> arguments, string home, IReadOnlyDictionary<string, string> environment, CancellationToken stop)
    {
        var info = new ProcessStartInfo(PathOf(folder, command), arguments) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = home };
        foreach (var name in info.Environment.Keys.Where(n => ClientsOwn.Any(c => n.StartsWith(c, StringComparison.Ordinal))).ToList())
        {
            info.Environment.Remove(name);
        }

        info.Environment["HOME"] = home;
        foreach (var (name, value) in environment)
        {
            info.Environment[name] = value;
        }

        using var process = Process.Start(info)!;
        process.StandardInput.Close();
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(stop);
        patience.CancelAfter(TimeSpan.FromMinutes(2));
        var errors = process.StandardError.ReadToEndAsync(patience.Token);
        try
        {
            return await process.StandardOutput.ReadToEndAsync(patience.Token) + await errors;
        }
        finally
        {
            process.Kill(entireProcessTree: true);
        }
    }
}
