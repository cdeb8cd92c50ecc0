using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text.Json;
using ControlCenter.Runtime.Recovery.Tools;
using ControlCenter.Runtime.Storage.Embedded;

namespace ControlCenter.Runtime.Recovery.Drills;

/// <summary>
/// A bus on a restored database: a process of its own, on the loopback address, with a key of its own and nothing of the host's
/// environment, so with no provider's key and no repository. It runs no agents and no jobs.
/// </summary>
internal sealed class RehearsalBus : IAsyncDisposable
{
    // The first start on a restored cluster may migrate it, and a killed one recovers.
    private static readonly TimeSpan StartPatience = TimeSpan.FromMinutes(4);
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(40);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(100);

    // A claim waits for up to a minute.
    private static readonly TimeSpan AnswerPatience = TimeSpan.FromSeconds(90);

    private const int LastWords = 12;

    private readonly Process _process;
    private readonly HttpClient _http;
    private readonly string _key;
    private readonly TimeProvider _time;
    private readonly Queue<string> _said = new();

    private RehearsalBus(Process process, Uri address, string key, TimeProvider time)
    {
        (_process, _key, _time) = (process, key, time);
        _http = new HttpClient(new SocketsHttpHandler { UseProxy = false, UseCookies = false, AllowAutoRedirect = false }) { BaseAddress = address, Timeout = AnswerPatience };
        process.OutputDataReceived += (_, line) => Hear(line.Data);
        process.ErrorDataReceived += (_, line) => Hear(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    /// <summary>Starts one and waits until it is ready.</summary>
    /// <param name="program">Program and first arguments.</param>
    /// <param name="home">The restored home.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellationToken">Breaks it off; the process is then ended.</param>
    /// <exception cref="DrillFailedException">It ended, or was not ready in time.</exception>
    public static async Task<RehearsalBus> StartAsync(IReadOnlyList<string> program, string home, TimeProvider time, CancellationToken cancellationToken)
    {
        var address = new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{FreePort()}"));
        var key = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(24));
        var info = ServerCommand.StartInfo(program[0], program.Skip(1), asOwner: null);
        (info.RedirectStandardInput, info.RedirectStandardOutput, info.RedirectStandardError) = (true, true, true);
        foreach (var (name, value) in new Dictionary<string, string>
        {
            ["CC_HOME"] = home,
            ["CC_LISTEN"] = address.ToString(),
            ["CC_FOUNDER_KEY"] = key,
            ["CC_LOCAL_RUNNER"] = "off",
            ["CC_REHEARSAL"] = "on",
            ["CC_LOG"] = "warning",
            ["HOME"] = home,
            ["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1",
        })
        {
            info.Environment[name] = value;
        }

        var bus = new RehearsalBus(ToolProcess.Start(info), address, key, time);
        try
        {
            await bus.ReadyAsync(cancellationToken);
            return bus;
        }
        catch
        {
            await bus.DisposeAsync();
            throw;
        }
    }

    /// <summary>Asks for something.</summary>
    /// <exception cref="DrillFailedException">The answer is an error.</exception>
    public async Task<JsonElement> GetAsync(string path, CancellationToken cancellationToken)
    {
        var (status, body, _) = await SendAsync(HttpMethod.Get, path, null, null, cancellationToken);
        return status == HttpStatusCode.OK && body is { } found ? found : throw new DrillFailedException($"GET {path} was answered with {(int)status}.");
    }

    /// <summary>Whether a page of it is there.</summary>
    public async Task<HttpStatusCode> PageAsync(string path, CancellationToken cancellationToken)
    {
        using var answer = await _http.GetAsync(new Uri(path, UriKind.Relative), cancellationToken);
        return answer.StatusCode;
    }

    /// <summary>Does something that must succeed.</summary>
    /// <exception cref="DrillFailedException">It was refused.</exception>
    public async Task<JsonElement> DoAsync(HttpMethod method, string path, object body, string? key, CancellationToken cancellationToken)
    {
        var (status, answer, _) = await SendAsync(method, path, body, key, cancellationToken);
        return (int)status is >= 200 and < 300 && answer is { } done
            ? done
            : throw new DrillFailedException($"{method} {path} was answered with {(int)status}{(answer is { } problem && problem.TryGetProperty("detail", out var detail) ? $": {detail.GetString()}" : "")}.");
    }

    /// <summary>Sends something.</summary>
    /// <returns>The status, the body if there is one, and why it was refused if that is said beside it.</returns>
    public async Task<(HttpStatusCode Status, JsonElement? Body, string? Refused)> SendAsync(
        HttpMethod method, string path, object? body, string? key, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(method, new Uri(path, UriKind.Relative));
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key ?? _key);
        request.Content = body is null ? null : JsonContent.Create(body);
        using var answer = await _http.SendAsync(request, cancellationToken);
        var bytes = await answer.Content.ReadAsByteArrayAsync(cancellationToken);
        return (
            answer.StatusCode, bytes.Length == 0 ? null : JsonSerializer.Deserialize<JsonElement>(bytes),
            answer.Headers.TryGetValues("X-CC-Refused", out var refused) ? refused.FirstOrDefault() : null);
    }

    /// <summary>Stops it as a founder would.</summary>
    /// <exception cref="DrillFailedException">It does not stop, or not cleanly.</exception>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await ServerProcesses.SignalAsync(_process.Id, "TERM", cancellationToken);
        try
        {
            await _process.WaitForExitAsync(cancellationToken).WaitAsync(StopPatience, _time, cancellationToken);
        }
        catch (TimeoutException)
        {
            throw new DrillFailedException($"It did not stop within {StopPatience.TotalSeconds:0} s.");
        }

        if (_process.ExitCode != 0)
        {
            throw new DrillFailedException($"It ended with {_process.ExitCode}: {Said()}");
        }
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync(CancellationToken.None);
        }

        _process.Dispose();
    }

    private async Task ReadyAsync(CancellationToken cancellationToken)
    {
        var since = _time.GetTimestamp();
        while (true)
        {
            if (_process.HasExited)
            {
                throw new DrillFailedException($"It ended with {_process.ExitCode} before it was ready: {Said()}");
            }

            try
            {
                if (await PageAsync("/health/ready", cancellationToken) == HttpStatusCode.OK)
                {
                    return;
                }
            }
            catch (HttpRequestException)
            {
                // Its doors are not open yet.
            }

            if (_time.GetElapsedTime(since) > StartPatience)
            {
                throw new DrillFailedException($"It was not ready within {StartPatience.TotalMinutes:0} minutes: {Said()}");
            }

            await Task.Delay(Poll, _time, cancellationToken);
        }
    }

    private void Hear(string? line)
    {
        // The link that signs the founder in is nobody's to keep.
        if (string.IsNullOrWhiteSpace(line) || line.Contains("token=", StringComparison.Ordinal))
        {
            return;
        }

        lock (_said)
        {
            _said.Enqueue(line.Trim());
            if (_said.Count > LastWords)
            {
                _said.Dequeue();
            }
        }
    }

    private string Said()
    {
        lock (_said)
        {
            return _said.Count == 0 ? "it said nothing" : string.Join(" | ", _said);
        }
    }

    private static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }
}
