using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Problems;

namespace ControlCenter.Domain.Tests.Costs;

public sealed class InvoiceLinesTests
{
    [Fact]
    public void Lines_are_read_with_quotes_commas_and_line_ends_in_them() =>
        InvoiceLines.Parse("\uFEFFamount,module_id,description\r\n12.50,m-1,\"Tokens, \"\"cached\"\"\nand not\"\r\n-2,,Credit\n\n")
            .ShouldBe([new InvoiceLine("m-1", "Tokens, \"cached\"\nand not", null, 12.5m), new InvoiceLine(null, "Credit", null, -2m)]);

    [Theory]
    [InlineData("", "between 1 and")]
    [InlineData("amount\n", "between 1 and")]
    [InlineData("module_id\nm", "'amount' is missing")]
    [InlineData("amount,price\n1,2", "no column 'price'")]
    [InlineData("amount\n1,2", "Row 2 has 2 fields")]
    [InlineData("amount\n1 EUR", "'1 EUR' is not a number")]
    [InlineData("amount,module_id\n,m", "Row 2 has no amount")]
    [InlineData("amount\n\"1", "has no end")]
    public void What_is_wrong_with_an_invoice_is_said(string csv, string problem) =>
        Should.Throw<ValidationException>(() => InvoiceLines.Parse(csv)).Message.ShouldContain(problem);

    [Fact]
    public void What_a_spreadsheet_would_run_is_written_as_text() =>
        CsvTable.Row("=1+1", "-2.5", "-cmd", "a,b", null, "\"").ShouldBe("'=1+1,-2.5,'-cmd,\"a,b\",,\"\"\"\"\r\n");
}
