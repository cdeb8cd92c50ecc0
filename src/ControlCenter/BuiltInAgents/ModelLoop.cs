using System.Text.Json;
using System.Text.Json.Nodes;
using ControlCenter.Runtime.Runner.Adapters;

namespace ControlCenter.BuiltInAgents;

/// <summary>The built-in agent: asks a model, calls the tools that it asks for, and so on until its task is over or a limit is reached.</summary>
internal sealed class ModelLoop : IAsyncDisposable
{
    // Its task is over when one of these was taken.
    private static readonly string[] Last = ["complete_task", "fail_task"];

    private readonly AgentSurroundings _around;
    private readonly LoopSettings _settings;
    private readonly Conversation _conversation;
    private readonly GatewayChat _chat;
    private readonly BusTools _tools;
    private int _iterations;
    private long _tokens;
    private bool _isOver;

    private ModelLoop(AgentSurroundings around, LoopSettings settings, Conversation conversation, GatewayChat chat, BusTools tools) =>
        (_around, _settings, _conversation, _chat, _tools) = (around, settings, conversation, chat, tools);

    /// <summary>Runs until there is nothing more to do.</summary>
    /// <returns>0 where the task was completed or failed by the agent itself; 1 where it could not go on.</returns>
    public static async Task<int> RunAsync(AgentSurroundings around, CancellationToken cancellationToken)
    {
        var file = around.Need(LoopSettings.Variable);
        var settings = LoopSettings.Read(file);
        var conversation = Conversation.Open(Path.Combine(Path.GetDirectoryName(file)!, "conversation.json"), settings.Resumes);
        await using var loop = new ModelLoop(
            around, settings, conversation, new GatewayChat(around, settings.Model), await BusTools.ConnectAsync(around, settings, cancellationToken));
        around.Say(new BuiltInLine("ready", SessionId: settings.SessionId));
        _ = around.ListenAsync(cancellationToken);
        return await loop.WorkAsync(cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        _chat.Dispose();
        await _tools.DisposeAsync();
    }

    private async Task<int> WorkAsync(CancellationToken cancellationToken)
    {
        if (_conversation.IsEmpty && _settings.Instructions is { } instructions)
        {
            _conversation.Add(new JsonObject { ["role"] = "system", ["content"] = instructions });
        }

        var next = _settings.Prompt;
        while (true)
        {
            _conversation.Add(new JsonObject { ["role"] = "user", ["content"] = next });
            var (failed, said) = await TurnAsync(cancellationToken);
            _conversation.Save();
            await SaveCheckpointAsync(said, cancellationToken);
            _around.Say(new BuiltInLine("turn_end", Text: said, Failed: failed));
            if (failed || _isOver)
            {
                return failed ? 1 : 0;
            }

            if (!await _around.Messages.WaitToReadAsync(cancellationToken) || !_around.Messages.TryRead(out next!))
            {
                return 0;
            }
        }
    }

    private async Task<(bool Failed, string Said)> TurnAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            if (_iterations++ >= _settings.Iterations)
            {
                return (true, $"It has called its model {_settings.Iterations} times, which is its limit.");
            }

            while (_around.Messages.TryRead(out var message))
            {
                _conversation.Add(new JsonObject { ["role"] = "user", ["content"] = message });
            }

            ChatAnswer answer;
            try
            {
                answer = await _chat.AskAsync(_conversation.Messages, _tools.Offered, cancellationToken);
            }
            catch (GatewayRefusedException fault)
            {
                return (true, fault.Message);
            }

            _around.Say(new BuiltInLine("usage", InputTokens: answer.TokensIn, OutputTokens: answer.TokensOut));
            _conversation.Add(answer.Message);
            _tokens += answer.TokensIn + answer.TokensOut;
            if (answer.Text.Length > 0)
            {
                _around.Say(new BuiltInLine("text", Text: answer.Text));
            }

            if (_tokens > _settings.Tokens)
            {
                return (true, $"It has used {_tokens} tokens; its limit is {_settings.Tokens}.");
            }

            if (answer.Calls.Count == 0)
            {
                return (false, answer.Text);
            }

            foreach (var call in answer.Calls)
            {
                await CallAsync(call, cancellationToken);
            }

            // Kept after each step: a process that is killed here has its answers when another goes on.
            _conversation.Save();
            if (_isOver)
            {
                return (false, answer.Text);
            }
        }
    }

    private async Task CallAsync(ChatCall call, CancellationToken cancellationToken)
    {
        _around.Say(new BuiltInLine("tool_call", Id: call.Id, Tool: call.Tool, Arguments: call.Arguments));
        var (failed, result) = await _tools.CallAsync(call, cancellationToken);
        _around.Say(new BuiltInLine("tool_result", Id: call.Id, Text: result, Failed: failed));
        _conversation.Add(new JsonObject { ["role"] = "tool", ["tool_call_id"] = call.Id, ["content"] = result });
        _isOver |= !failed && Last.Contains(call.Tool);
    }

    private async Task SaveCheckpointAsync(string said, CancellationToken cancellationToken)
    {
        if (_isOver || _around.Read("CC_LEASE_ID") is not { Length: > 0 } lease)
        {
            return;
        }

        await _tools.CallAsync(
            new ChatCall("checkpoint", "save_checkpoint", JsonSerializer.Serialize(new
            {
                task_id = _around.Need("CC_TASK_ID"),
                lease_id = lease,
                fencing_token = long.Parse(_around.Need("CC_FENCING_TOKEN"), System.Globalization.CultureInfo.InvariantCulture),
                state = new { session_id = _settings.SessionId, model_calls = _iterations, tokens = _tokens, said },
            })),
            cancellationToken);
    }
}
